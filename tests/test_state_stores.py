"""What an upload stores in Airflow's task state store for its next try."""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.upload.resume_note import UploadNote
from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.state_stores import TaskStateNotes

CONTENT = b"image" * 1000
SHA512 = hashlib.sha512(CONTENT).hexdigest()
NOTE = UploadNote("replaced", "a.bin", len(CONTENT), SHA512, checksum="md5:0", sent_on=1_700_000_000)
PACKAGE = "/dataservice/device/action/software/package"


class Store:
    """Airflow's store of one task instance, as far as a task sees it: what comes back has been through JSON.

    :param killed_at: which change ends the process; 0 for none.
    """

    def __init__(self, *, killed_at: int = 0) -> None:
        self.rows: dict[str, str] = {}
        self.left = killed_at

    def get(self, key: str, default: Any = None) -> Any:
        return json.loads(self.rows[key]) if key in self.rows else default

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self.rows[key] = json.dumps(value)
        self._pass_change()

    def delete(self, key: str) -> None:
        self._pass_change()
        self.rows.pop(key, None)

    def _pass_change(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise SystemExit


class Broken:
    """A store that is there and fails, whatever it is asked for."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError(f"the supervisor did not respond to {name}")

        return fail


def notes_in(store: Any) -> TaskStateNotes:
    return TaskStateNotes({"task_state_store": store})


def test_note_is_readable_until_it_is_cleared() -> None:
    store = Store()
    assert notes_in(store).read() is None
    notes_in(store).write(NOTE)
    assert notes_in(store).read() == NOTE
    notes_in(store).clear()
    assert notes_in(store).read() is None
    assert store.rows == {}


@pytest.mark.parametrize("context", [{}, {"task_state_store": None}, {"ti": object()}])
def test_without_a_store_nothing_is_noted_and_nothing_is_said(
    context: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    notes = TaskStateNotes(context)
    notes.write(NOTE)
    assert notes.read() is None
    notes.clear()
    assert caplog.records == []


@pytest.mark.parametrize("store", [Broken(), object()])
def test_failing_store_warns_and_counts_as_empty(store: Any, caplog: pytest.LogCaptureFixture) -> None:
    notes = notes_in(store)
    notes.write(NOTE)
    assert notes.read() is None
    notes.clear()
    assert [one.levelno for one in caplog.records] == [logging.WARNING] * 3
    assert [word for word in ("set", "get", "delete") if f"could not be used ({word})" not in caplog.text] == []


@pytest.mark.parametrize(
    "value",
    [
        *("text", 5, True, [], [1], {}, {"action": "uploaded"}),
        {"action": "uploaded", "file_name": "a.bin", "size": 5, "sha512": SHA512},
        {**asdict(NOTE), "more": 1},
        {**asdict(NOTE), "size": "5"},
        {**asdict(NOTE), "action": None},
        {**asdict(NOTE), "sha512": None},
        {**asdict(NOTE), "sent_on": 0.5},
    ],
    ids=repr,
)
def test_what_another_release_wrote_counts_as_nothing(value: Any) -> None:
    store = Store()
    notes_in(store).write(NOTE)
    (key,) = store.rows
    store.set(key, value)
    assert notes_in(store).read() is None


def test_airflows_own_store_takes_these_calls() -> None:
    context = pytest.importorskip("airflow.sdk.execution_time.context")
    if not hasattr(context, "TaskStateStoreAccessor"):
        pytest.skip("the store came with Airflow 3.3")
    calls: dict[str, tuple[Any, ...]] = {"get": ("key",), "set": ("key", {}), "delete": ("key",)}
    for method, arguments in calls.items():
        inspect.signature(getattr(context.TaskStateStoreAccessor, method)).bind(None, *arguments)


@pytest.fixture
def upload(vm: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """One try of the operator."""
    extra = {"ca_bundle": vm.ca_bundle}
    connection = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(connection))
    (tmp_path / "a.bin").write_bytes(CONTENT)

    def run(context: Any, **options: Any) -> dict[str, Any]:
        operator = UploadImageOperator(task_id="upload", source=str(tmp_path / "a.bin"), **options)
        result: dict[str, Any] = operator.execute(context)
        return result

    return run


def bodies(vm: Simulator) -> int:
    return sum((one.method, one.path) == ("POST", PACKAGE) for one in vm.requests)


@pytest.mark.parametrize("stored", [True, False])
def test_retry_of_a_killed_task_ends_with_its_own_image(
    stored: bool, vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    """The note is written before the end of the body, and deleted once the image is listed."""
    context = {"task_state_store": Store(killed_at=2 if stored else 1)}
    with pytest.raises(SystemExit):
        upload(context, if_exists="fail")
    if not stored:  # and the manager has had its time to work on what was sent
        (key,) = context["task_state_store"].rows
        context["task_state_store"].set(key, {**context["task_state_store"].get(key), "sent_on": 1})

    row = upload(context, if_exists="fail", listing_timeout=5 if stored else 0.05)

    assert (row["action"], row["changed"], row["sha512"]) == ("uploaded", True, SHA512)
    assert [image.sha512 for image in vm.images] == [SHA512]
    assert bodies(vm) == (1 if stored else 2)
    assert context["task_state_store"].rows == {}


@pytest.mark.parametrize("context", [{}, {"task_state_store": Broken()}, {"task_state_store": object()}])
@pytest.mark.parametrize("if_exists", ["skip", "replace", "fail"])
def test_upload_needs_no_store(
    if_exists: str, context: dict[str, Any], vm: Simulator, upload: Callable[..., dict[str, Any]]
) -> None:
    assert upload(context, if_exists=if_exists)["action"] == "uploaded"
    assert [image.sha512 for image in vm.images] == [SHA512]
