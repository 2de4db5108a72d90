"""The callback that docs/notifications.md shows sends the error of a real task to a chat."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
import structlog
from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun
from airflow.callbacks.callback_requests import DagCallbackRequest, DagRunContext, TaskCallbackRequest
from airflow.dag_processing import processor

from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
from airflow_provider_vmanage.simulator import Simulator
from tests.task_runner import run_to_the_end

ROOT = Path(__file__).parents[2]


class Chat(BaseHTTPRequestHandler):
    posts: list[Any] = []  # noqa: RUF012

    def do_POST(self) -> None:
        self.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Print nothing."""


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    Chat.posts = []
    with HTTPServer(("127.0.0.1", 0), Chat) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/webhook"
        monkeypatch.setenv("AIRFLOW_CONN_CHAT", json.dumps({"conn_type": "http", "password": url}))
        yield Chat.posts
        server.shutdown()


def test_error_of_a_failed_upload_is_posted(
    vm: Simulator, chat: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VMANAGE_IMAGES", str(tmp_path))  # which holds no image
    manager = {"host": vm.url, "login": vm.username, "password": vm.password, "extra": {"ca_bundle": vm.ca_bundle}}
    monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps({"conn_type": "vmanage", **manager}))

    example = runpy.run_path(str(ROOT / "docs" / "notify_chat.py"))
    shown = example["dag"].task_dict["upload"]
    assert example["post_to_chat"] in list(shown.on_failure_callback)

    outcome = run_to_the_end(lambda: UploadImageOperator(task_id="upload", source=shown.source))
    assert outcome.state == "failed"
    for callback in shown.on_failure_callback:
        callback({"ti": SimpleNamespace(dag_id="notify_chat", task_id="upload"), "exception": outcome.error})

    (post,) = chat
    assert post["text"].startswith("notify_chat.upload failed: source ")
    assert "vmanage-20.12.4-x86_64.tar.gz" in post["text"]


def test_failed_run_and_lost_process_are_posted(chat: list[Any]) -> None:
    example = runpy.run_path(str(ROOT / "docs" / "notify_chat.py"))
    dag = example["dag"]
    dag.on_failure_callback = [example["post_to_chat"]]
    dags: Any = SimpleNamespace(dags={dag.dag_id: dag})
    file = {"filepath": "notify_chat.py", "bundle_name": "dags", "bundle_version": None}
    run = {"dag_id": dag.dag_id, "run_id": "manual__1"}
    lost = {"id": uuid4(), "task_id": "upload", **run, "try_number": 1, "map_index": -1, "dag_version_id": uuid4()}

    now = datetime.now(timezone.utc)
    known = {"run_after": now, "start_date": now, "run_type": "manual", "state": "failed", "consumed_asset_events": []}
    required = [name for name, field in DagRun.model_fields.items() if field.is_required()]  # differ by release
    dag_run = {**dict.fromkeys(required), **run, **known}
    last_task = DagRunContext.model_validate({"dag_run": dag_run, "last_ti": lost})
    for context in (None, last_task):
        failed = DagCallbackRequest(**file, **run, msg="task_failure", context_from_server=context)
        processor._execute_dag_callbacks(dags, failed, structlog.get_logger())
    processor._execute_task_callbacks(
        dags,
        TaskCallbackRequest.model_validate({**file, "msg": "heartbeat timeout", "ti": lost}),
        structlog.get_logger(),
    )
    assert [post["text"] for post in chat] == [
        "notify_chat, run manual__1, failed: task_failure",
        "notify_chat, run manual__1, failed: task_failure",
        "notify_chat.upload failed: Airflow lost track of it: see the log of the scheduler",
    ]
