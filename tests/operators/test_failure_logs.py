"""What the log of a failed task shows: one sentence first, whole digests below, our frames only at DEBUG."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog

from airflow_provider_vmanage.client.errors import VManageUnavailableError
from airflow_provider_vmanage.operators.software_repository import (
    ApplyRepositoryOperator,
    ListImagesOperator,
    PlanRepositoryOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator
from tests.task_runner import Outcome, run_to_the_end

NAME = "vmanage-20.12.4-x86_64.tar.gz"
IMAGE = b"an image" * 1000
WRONG = "0" * 128
RIGHT = hashlib.sha512(IMAGE).hexdigest()


class Logs:
    """What one failed task logged: Airflow's own error with its frames, and the lines of the provider."""

    def __init__(self, outcome: Outcome, errors: list[Any], records: list[logging.LogRecord]) -> None:
        self.outcome = outcome
        (error,) = [one for one in errors if one.get("exception")]
        self.chain: list[dict[str, Any]] = error["exception"]
        self.records = records

    @property
    def our_frames(self) -> list[str]:
        frames = [frame for one in self.chain for frame in one["frames"]]
        return [frame["filename"] for frame in frames if "airflow_provider_vmanage" in frame["filename"]]

    def lines(self, level: int) -> list[str]:
        return [one.getMessage() for one in self.records if one.levelno == level]


@pytest.fixture
def logs_of(caplog: pytest.LogCaptureFixture) -> Callable[[Any], Logs]:
    """Run a task that fails with Airflow's own task runner, and return what it logged."""

    def fail(make_task: Any) -> Logs:
        caplog.set_level(logging.DEBUG, logger="airflow_provider_vmanage")
        caplog.set_level(logging.DEBUG, logger="airflow.task.operators")
        capture = structlog.testing.LogCapture()
        log = structlog.wrap_logger(
            None, processors=[structlog.processors.dict_tracebacks, capture], wrapper_class=structlog.stdlib.BoundLogger
        )
        outcome = run_to_the_end(make_task, log)
        return Logs(outcome, capture.entries, caplog.records)

    return fail


@pytest.fixture
def wrong_checksum(vm: Simulator, connect: Callable[..., None], tmp_path: Path) -> Callable[[], UploadImageOperator]:
    connect(vm)
    source = tmp_path / NAME
    source.write_bytes(IMAGE)
    return lambda: UploadImageOperator(task_id="upload", source=str(source), checksum=f"sha512:{WRONG}")


def untrusted(vm: Simulator, connect: Callable[..., None]) -> Callable[[], ListImagesOperator]:
    connect(vm, extra={"ca_bundle": ""})
    return lambda: ListImagesOperator(task_id="list")


def unavailable(vm: Simulator, connect: Callable[..., None]) -> Callable[[], ListImagesOperator]:
    connect(vm, port=1, host="127.0.0.1")
    return lambda: ListImagesOperator(task_id="list")


def test_wrong_checksum_is_one_sentence_before_the_whole_digests(
    logs_of: Callable[[Any], Logs], wrong_checksum: Any
) -> None:
    logs = logs_of(wrong_checksum)
    sentence, *digests = logs.lines(logging.ERROR)
    assert f"checksum mismatch for {wrong_checksum().source}: expected 0000…, got " in sentence
    assert f"got {RIGHT[:4]}…. Nothing was stored on the manager" in sentence
    assert digests == [f"expected sha512:{WRONG}", f"got sha512:{RIGHT}"]
    assert str(logs.outcome.error) == sentence
    assert logs.outcome.state == "failed"


@pytest.mark.usefixtures("recorded_sleeps")
@pytest.mark.parametrize("make", [untrusted, unavailable])
def test_failure_shows_one_frame_of_ours_and_no_chain(
    logs_of: Callable[[Any], Logs], vm: Simulator, connect: Callable[..., None], make: Any
) -> None:
    logs = logs_of(make(vm, connect))
    assert len(logs.chain) == 1
    assert [Path(name).name for name in logs.our_frames] == ["vmanage.py"]
    assert len(logs.chain[0]["frames"]) < 10
    assert logs.lines(logging.ERROR) == [str(logs.outcome.error)]


def test_error_that_a_retry_may_fix_keeps_its_type(
    logs_of: Callable[[Any], Logs], vm: Simulator, connect: Callable[..., None], recorded_sleeps: list[float]
) -> None:
    logs = logs_of(unavailable(vm, connect))
    assert type(logs.outcome.error) is VManageUnavailableError


def test_whole_traceback_is_logged_at_debug(
    logs_of: Callable[[Any], Logs], vm: Simulator, connect: Callable[..., None]
) -> None:
    logs = logs_of(untrusted(vm, connect))
    (record,) = [one for one in logs.records if one.exc_info]
    assert record.levelno == logging.DEBUG
    text = logging.Formatter().format(record)
    assert "SSLCertVerificationError" in text
    assert "client/http/transport.py" in text or "client/http/connection.py" in text


def test_series_of_changes_shows_the_digests_of_what_stopped_it(
    logs_of: Callable[[Any], Logs], run: Callable[..., Any], wrong_checksum: Any
) -> None:
    task = wrong_checksum()
    images = [{"source": str(task.source), "checksum": task.checksum}]
    plan = run(PlanRepositoryOperator(task_id="plan", images=images))
    logs = logs_of(lambda: ApplyRepositoryOperator(task_id="apply", plan=plan))
    assert logs.lines(logging.ERROR)[1:] == [f"expected sha512:{WRONG}", f"got sha512:{RIGHT}"]
    assert len(logs.chain) == 1
