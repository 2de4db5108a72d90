"""What may be secret in the arguments of a task is masked as soon as it is rendered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import AddRepoOperator, UploadImageOperator
from airflow_provider_vmanage.simulator import Simulator

SECRETS = ("hunter2-word", "signature-1234")
SIGNED = f"ftp://joe:{SECRETS[0]}@images.example.com/20.15/?sig={SECRETS[1]}"


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize(
    ("kind", "field", "more"),
    [(AddRepoOperator, "version_url", {"version_name": "20.15"}), (UploadImageOperator, "source", {})],
)
def test_signed_url_is_masked_once_it_is_rendered(
    mapped: bool, kind: Any, field: str, more: dict[str, str], redact: Callable[[str], str]
) -> None:
    with DAG("secrets", schedule=None):
        if mapped:
            task = kind.partial(task_id="t", **more).expand(**{field: ["{{ params.url }}"]})
            task = task.unmap({**more, field: "{{ params.url }}"})
        else:
            task = kind(task_id="t", **{field: "{{ params.url }}"}, **more)
    assert redact(SIGNED) == SIGNED
    task.render_template_fields({"params": {"url": SIGNED}})
    assert getattr(task, field) == SIGNED
    assert redact(SIGNED).startswith("ftp://joe:***@images.example.com/20.15/?")
    assert [secret for secret in SECRETS if secret in redact(f"{task!r} {SIGNED}")] == []


@pytest.mark.parametrize("trouble", ["none", "conflict", "lost", "refused"])
def test_no_secret_of_a_url_reaches_xcom_or_error(
    trouble: str,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    connect(vm)
    if trouble == "conflict":
        vm.add_image("", version="20.15", url=SIGNED.replace("20.15/", "20.14/"))
    elif trouble == "refused":
        vm.faults.add("error_4xx", method="POST", path="device/action/software")
    elif trouble == "lost":
        vm.faults.add("reply_lost", method="POST", path="device/action/software")
    task = AddRepoOperator(task_id="t", version_name="20.15", version_url=SIGNED)
    if trouble in ("none", "lost"):
        shown = json.dumps(run(task))
    else:
        with pytest.raises(VManageFailException) as caught:
            run(task)
        shown = f"{caught.value} {caught.value.error!r} {caught.value.error.__cause__!r}"
    shown += capsys.readouterr().out
    assert [secret for secret in (*SECRETS, vm.password) if secret in shown] == []
