"""The memory of an upload does not depend on the size of the image."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_vmanage.simulator import Simulator

pytestmark = pytest.mark.slow

MB = 1024 * 1024

UPLOAD = """
import sys
from pathlib import Path
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import read_settings
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.sources import local_file

url, user, password, ca_bundle, path = sys.argv[1:]
settings = read_settings(host=url, login=user, password=password, extra={"ca_bundle": ca_bundle})
with ManagerSession(settings) as session:
    ImageUpload(SoftwareRepository(session), local_file(path), Path(path).name).run()
# The highest memory of this very program; getrusage would count that of the one that started it too.
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line[:6] == "VmHWM:"]
print(int(peak) * 1024)
"""


@pytest.fixture
def peak_of(vm: Simulator, tmp_path: Path) -> Callable[[int], int]:
    """Uploads a file of that size in a process of its own, and returns the memory that this took."""

    def measure(size: int) -> int:
        file = tmp_path / f"image-{size}.bin"
        with file.open("wb") as stream:
            stream.truncate(size)  # it takes no room on the disk
        command = [sys.executable, "-c", UPLOAD, vm.url, vm.username, vm.password, str(vm.ca_bundle), str(file)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert vm.images[-1].size == size
        return int(ended.stdout)

    return measure


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports the peak of a process")
def test_large_image_takes_no_more_memory_than_a_small(peak_of: Callable[[int], int]) -> None:
    assert peak_of(256 * MB) - peak_of(MB) < 30 * MB
