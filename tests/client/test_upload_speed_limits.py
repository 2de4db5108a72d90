"""A large image takes no more memory than a small one, against a server that takes it as fast as TLS can.

Three gigabytes take 10 to 25 seconds, so that is what ``UPLOAD_TEST_MB=3000 make test`` sends; else it is one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

pytestmark = pytest.mark.slow

SINK = Path(__file__).parents[2] / "benchmarks" / "upload_sink.py"
MB = 1_000_000
LARGE = int(os.environ.get("UPLOAD_TEST_MB", "1000")) * MB

UPLOAD = """
import sys
from pathlib import Path
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.sources import local_file

url, ca_bundle, path = sys.argv[1:]
with ManagerSession(ManagerSettings(url, "admin", "admin", ca_bundle=ca_bundle)) as session:
    change = ImageUpload(SoftwareRepository(session), local_file(path), "image.bin").run()
# Not ru_maxrss, which begins with the peak of the process that started this one.
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line[:6] == "VmHWM:"]
print(change.action, change.size, int(peak) * 1024)
"""


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """URL and certificate authority of the server of the benchmark."""
    authority, pem, ca_bundle = trustme.CA(), tmp_path / "server.pem", tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_bundle))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    command = [sys.executable, str(SINK), str(pem), str(pem)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"https://127.0.0.1:{process.stdout.readline().strip()}", str(ca_bundle)
        finally:
            process.terminate()


def peak_of(size: int, sink: tuple[str, str], folder: Path) -> int:
    """Memory in bytes that the upload of that many bytes takes, in a process of its own."""
    file = folder / f"image-{size}.bin"
    with file.open("wb") as stream:
        stream.truncate(size)  # takes no room on the disk
    command = [sys.executable, "-c", UPLOAD, *sink, str(file)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    action, sent, peak = ended.stdout.split()
    assert (action, int(sent)) == ("uploaded", size)
    return int(peak)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux reports the peak of a process")
@pytest.mark.whole_grid  # make test-live runs it, too, with 3 GB
def test_memory_peak_does_not_depend_on_the_size(sink: tuple[str, str], tmp_path: Path) -> None:
    small, large = (peak_of(size, sink, tmp_path) for size in (10 * MB, LARGE))
    print(f"peak memory: {small / MB:.1f} MB for 10 MB, {large / MB:.1f} MB for {LARGE / MB:.0f} MB")  # noqa: T201
    assert large - small < 16 * MB
