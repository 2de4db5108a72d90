"""The memory of a download does not depend on the size of the image."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.repository import ReceivedFile

pytestmark = pytest.mark.slow

MB = 1024 * 1024

DOWNLOAD = """
import sys
from pathlib import Path
from airflow_provider_vmanage.client.download.image_download import Target, download_image
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import read_settings
from airflow_provider_vmanage.client.software_repository import SoftwareRepository

url, user, password, ca_bundle, name = sys.argv[1:]
settings = read_settings(host=url, login=user, password=password, extra={"ca_bundle": ca_bundle})
with ManagerSession(settings) as session:
    target = Target("null", lambda: open("/dev/null", "wb"))
    change = download_image(SoftwareRepository(session), name, target)
# The highest memory of this very program; getrusage would count that of the one that started it too.
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line[:6] == "VmHWM:"]
print(int(peak) * 1024, change.size, change.sha512)
"""


@pytest.fixture
def peak_of(vm: Simulator, tmp_path: Path) -> Callable[[int], int]:
    """Downloads an image of that size in a process of its own, and returns the memory that this took."""

    def measure(size: int) -> int:
        file = tmp_path / f"image-{size}.bin"
        with file.open("wb") as stream:
            stream.truncate(size)  # it takes no room on the disk
        vm.repository.store(ReceivedFile(file.name, file, size, ""))
        command = [sys.executable, "-c", DOWNLOAD, vm.url, vm.username, vm.password, str(vm.ca_bundle), file.name]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        peak, received, sha512 = ended.stdout.split()
        assert (int(received), sha512) == (size, hashlib.sha512(bytes(size)).hexdigest())
        return int(peak)

    return measure


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports the peak of a process")
def test_large_image_takes_no_more_memory_than_a_small(peak_of: Callable[[int], int]) -> None:
    small, large = peak_of(MB), peak_of(256 * MB)
    assert large - small < 30 * MB, (small, large)
