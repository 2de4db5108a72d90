"""Print the functions between a public call and the request that it sends: ``make trace``.

``tests/test_architecture.py`` limits how many there are.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "airflow_provider_vmanage"
IMAGE = "vmanage-20.12.4-x86_64.tar.gz"


@dataclass(frozen=True)
class Chain:
    """The package's functions that were active when a request was given to ``requests``, outermost first.

    :param request: method and path of the request.
    :param calls: file below the package and name of each function.
    """

    request: str
    calls: tuple[tuple[str, str], ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The files of the functions, in the order of their first call."""
        return tuple(dict.fromkeys(file for file, _ in self.calls))

    def __str__(self) -> str:
        """Return a heading and one line a function."""
        lines = [f"  {number:2} {file:34} {name}" for number, (file, name) in enumerate(self.calls, 1)]
        return "\n".join([f"{self.request}: {len(self.calls)} own calls in {len(self.files)} files", *lines])


def chains_of(action: Callable[[], Any]) -> list[Chain]:
    """Run an action and return one chain for each request that this thread sends meanwhile.

    :param action: makes the public call. Functions outside of the package are not counted.
    """
    import requests

    send, found = requests.Session.send.__code__, []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is send:
            request = frame.f_locals["request"]
            found.append(Chain(f"{request.method} {request.path_url}", tuple(_own_calls(frame))[::-1]))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(before)
    return found


def longest(chains: list[Chain], request: str) -> Chain:
    """Return the longest chain of the requests that begin with this method and path.

    :raises LookupError: no such request was sent.
    """
    matching = [chain for chain in chains if chain.request.startswith(request)]
    if not matching:
        raise LookupError(f"{request} was not sent: {[chain.request for chain in chains]}")
    return max(matching, key=lambda chain: len(chain.calls))


def call_paths(image: Path) -> dict[str, Chain]:
    """Return the chains of a sensor's poll, of a hook's upload and of an upload by a task.

    The manager is that of the connection ``vmanage_default``.

    :param image: the file that is uploaded.
    """
    from airflow.sdk.bases.operator import ExecutorSafeguard

    from airflow_provider_vmanage.hooks.vmanage import VManageHook
    from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
    from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor

    sensor = ImageVersionSensor(task_id="wait", file_name=IMAGE)
    upload = UploadImageOperator(task_id="upload", source=str(image), file_name=f"task-{IMAGE}")
    # What the task runner hands over, so that Airflow does not take this for a call by another operator.
    sentinel = {"UploadImageOperator__sentinel": ExecutorSafeguard.sentinel_value}
    with sensor.hook:
        poll = chains_of(lambda: sensor.poke({}))
    with VManageHook() as hook:
        upload_by_hook = chains_of(lambda: hook.upload_image(str(image), file_name=IMAGE))
    upload_by_task = chains_of(lambda: upload.execute({}, **sentinel))
    listing, sending = "GET /dataservice/device/action/software", "POST /dataservice/device/action/software/package"
    return {
        "poll": longest(poll, listing),
        "upload": longest(upload_by_hook, sending),
        "upload task": longest(upload_by_task, sending),
    }


def _own_calls(frame: FrameType) -> Iterator[tuple[str, str]]:
    """Yield file and function of each frame of the package, innermost first."""
    below: FrameType | None = frame
    while below is not None:
        file = Path(below.f_code.co_filename)
        if file.is_relative_to(PACKAGE):
            yield file.relative_to(PACKAGE).as_posix(), _name(below.f_code)
        below = below.f_back


def _name(code: CodeType) -> str:
    return str(getattr(code, "co_qualname", code.co_name))  # the class is known from Python 3.11 on


def main() -> None:
    """Print both chains, against a simulated manager."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        from airflow_provider_vmanage.simulator import Simulator
        from airflow_provider_vmanage.simulator.serving import connection_json

        vm = stack.enter_context(Simulator())
        os.environ["AIRFLOW_CONN_VMANAGE_DEFAULT"] = connection_json(vm)
        image = Path(home) / "image.bin"
        image.write_bytes(b"an image")
        for name, chain in call_paths(image).items():
            print(f"{name}: {chain}\n")


if __name__ == "__main__":
    main()
