"""What the operations of the matrix do, and how each is checked when it has worked."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.http.clock import Clock
from airflow_provider_vmanage.exceptions import VManageFailException, fail_without_retry
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    DownloadImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_repository import ImageVersionTrigger
from airflow_provider_vmanage.waiting import wait_events
from tests.faults.device_operations import DeviceOperations
from tests.faults.matrix import ON_DEVICES
from tests.triggers.event_loop import first_event

OLD = "vmanage-20.12.3-x86_64.tar.gz"
NEW = "vmanage-20.12.4-x86_64.tar.gz"
URL = "https://images.example.com/17.12.4/"


class Operations(DeviceOperations):
    """The operations, as a DAG runs them, against one manager.

    :param vm: the manager, which holds one image.
    :param run: executes a task.
    :param clock: of its session.
    :param image: the file that is uploaded.
    """

    def __init__(self, vm: Simulator, run: Callable[..., Any], clock: Clock, image: Path) -> None:
        super().__init__(vm, run, clock)
        self._image = image
        self._downloaded = image.parent / "downloads" / OLD
        self._downloaded.parent.mkdir()
        vm.add_image(OLD)

    def outcome(self, name: str) -> tuple[str, Any]:
        """Do it; return the outcome in the words of the matrix, and the result or the error."""
        try:
            result = getattr(self, f"_{name}")()
        except VManageFailException as err:
            return "final", err
        except VManageError as err:
            return ("retry" if err.retryable else "an error that is not made final"), err
        if name in ("poke", "version"):
            return ("ok", result) if result.is_done else ("wait", result)
        if name == "trigger":
            return ("ok" if result else "wait"), result
        if name == "check":
            return result
        if name == "plan" and not result["waves"]:
            return "blocked", [(row["device"], row["reason"]) for row in result["blocked"]]
        if name == "test":
            return ("ok", result) if result[0] else ("no", result)
        if name == "task" and result["status"] == "timeout":
            return "wait", result["message"]
        return "ok", result

    def _login(self) -> Any:
        return self._run(ListImagesOperator(task_id="list"))

    def _list(self) -> Any:
        return self._run(self._in_a_session(ListImagesOperator(task_id="list")))

    def _add(self) -> Any:
        task = AddRepoOperator(task_id="add", version_name="17.12.4", version_url=URL)
        return self._run(self._in_a_session(task))

    _confirm = _add

    def _upload(self) -> Any:
        task = UploadImageOperator(
            task_id="upload", source=str(self._image), file_name=NEW, **self.options_of.get("upload", {})
        )
        return self._run(self._in_a_session(task))

    def _delete(self) -> Any:
        return self._run(self._in_a_session(DeleteImageOperator(task_id="delete", file_name=OLD)))

    _logout = _list

    def _download(self) -> Any:
        task = DownloadImageOperator(task_id="download", file_name=OLD, target=str(self._downloaded))
        return self._run(self._in_a_session(task))

    def _poke(self) -> Any:
        task = self._in_a_session(ImageVersionSensor(task_id="wait", file_name=OLD))
        with task.hook:
            return task.poke({})  # type: ignore[typeddict-item]

    def _trigger(self) -> Any:
        trigger = ImageVersionTrigger(
            file_name=OLD, poke_interval=0.05, max_consecutive_failures=1, deadline=time.time()
        )
        with fail_without_retry():
            return wait_events.read(asyncio.run(first_event(trigger)))[0]

    def _test(self) -> Any:
        return VManageHook().test_connection()

    def assert_done(self, name: str, result: Any) -> None:
        """A success is one only if the manager's list shows the effect."""
        listed = [image for image in self.vm.images if image.hidden_lists == 0]
        files = [image.file_name for image in listed]
        if name in ("login", "list", "logout"):
            returned = [row["file_name"] for row in result]
            assert [file for file in returned if file == OLD] == [OLD]
            assert len(returned) >= len(files)
        elif name in ("add", "confirm"):
            assert [image.url for image in listed if image.version == "17.12.4"] == [URL]
        elif name == "upload":
            assert [image.sha512 for image in listed if image.file_name == NEW] == [_sha512(self._image)]
            assert result["sha512"] in (None, _sha512(self._image))
        elif name == "delete":
            assert OLD not in files
        elif name == "download":
            assert result["sha512"] == _sha512(self._downloaded)
        elif name == "poke":
            assert (result.is_done, result.xcom_value["version_id"]) == (True, listed[0].version_id)
        elif name == "trigger":
            assert result["version_id"] == listed[0].version_id
        elif name in ON_DEVICES:
            self.assert_device_done(name, result)
        else:
            assert result[0]
            count = len(files) + len(self.vm.repository.raw_records)
            assert f"can be read: {count} image{'' if count == 1 else 's'}." in result[1]

    def assert_nothing_wrong_is_written(self) -> None:
        """Whatever happened, the folder of a download holds the whole image or nothing."""
        written = [path.read_bytes() for path in self._downloaded.parent.iterdir()]
        assert written in ([], [b"image"])

    def assert_nothing_twice(self, tries: int = 1) -> None:
        """Whatever happened, nothing is there twice, and no action was sent twice for a device.

        This manager would accept a second copy, and a second action, silently.

        :param tries: that had to send an action.
        """
        names = [image.file_name or image.url for image in self.vm.images]
        assert sorted(names) == sorted(set(names))
        sent = Counter((one.action, one.device) for one in self.vm.actions)
        assert max(sent.values(), default=0) <= tries


def _sha512(file: Path) -> str:
    return hashlib.sha512(file.read_bytes()).hexdigest()
