"""Check mode reads and checks all, changes nothing, and says what the real run then does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.15.1-x86_64.tar.gz"
URL = "https://images.example.com/20.15/"
SHA512 = hashlib.sha512(b"an image").hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / NAME
    path.write_bytes(b"an image")
    return str(path)


def writes(vm: Simulator) -> list[str]:
    return [one.method for one in vm.requests if one.method != "GET" and "/action/" in one.path]


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("if_exists", ["skip", "replace"])
def test_upload_reports_what_the_real_run_then_does(
    vm_of_release: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    file: str,
    if_exists: str,
    *,
    there: bool,
) -> None:
    vm = vm_of_release
    connect(vm)
    if there:
        vm.add_image(NAME, b"an image")
    task = {"task_id": "t", "source": file, "checksum": f"sha512:{SHA512}", "if_exists": if_exists}
    would = run(UploadImageOperator(**task, check_mode="yes"))
    assert writes(vm) == []
    does = run(UploadImageOperator(**task))
    assert {**would, "applied": True}.keys() == does.keys()
    for name in ("action", "changed", "file_name", "size", "sha512", "verified"):
        assert would[name] == does[name]
    assert (would["applied"], does["applied"]) == (False, True)


@pytest.mark.parametrize("release", ["16.3.1", "20.9.4", "20.12.4"])
@pytest.mark.parametrize(
    ("there", "action"), [(None, "added"), (URL, "unchanged"), ("https://old.example.com/", "replaced")]
)
def test_added_url_reports_what_the_real_run_then_does(
    vm_of_release: Simulator, connect: Callable[..., None], run: Callable[..., Any], there: str | None, action: str
) -> None:
    vm = vm_of_release
    connect(vm)
    if there:
        vm.add_image("", version="20.15", url=there)
    task = {"task_id": "t", "version_name": "20.15", "version_url": URL, "if_exists": "replace"}
    would = run(AddRepoOperator(**task, check_mode=True))
    assert writes(vm) == []
    does = run(AddRepoOperator(**task))
    assert (would["action"], would["changed"], would["version"]) == (does["action"], does["changed"], does["version"])
    assert (does["action"], would["applied"], does["applied"]) == (action, False, True)


@pytest.mark.parametrize("there", [False, True])
def test_deletion_reports_what_the_real_run_then_does(
    vm_of_release: Simulator, connect: Callable[..., None], run: Callable[..., Any], *, there: bool
) -> None:
    vm = vm_of_release
    connect(vm)
    if there:
        vm.add_image(NAME)
    would = run(DeleteImageOperator(task_id="t", file_name=NAME, check_mode=True))
    assert writes(vm) == []
    does = run(DeleteImageOperator(task_id="t", file_name=NAME))
    assert {**would, "applied": True} == does
    assert would["applied"] is False


@pytest.mark.slow
def test_what_a_real_run_would_refuse_is_refused(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], file: str
) -> None:
    connect(vm)
    vm.add_image(NAME)
    vm.add_image("", version="20.15", url=URL)
    vm.add_device("branch-1", version="20.15.1")
    wrong = f"sha512:{'0' * 128}"
    late = "2020-01-01T00:00:00Z"
    tasks: list[tuple[Any, dict[str, Any]]] = [
        (UploadImageOperator, {"source": file, "if_exists": "fail"}),
        (UploadImageOperator, {"source": file, "if_exists": "replace"}),
        (UploadImageOperator, {"source": file, "file_name": "b.gz", "checksum": wrong}),
        (UploadImageOperator, {"source": file, "file_name": "b.gz", "not_after": late}),
        (DeleteImageOperator, {"file_name": NAME}),
        (DeleteImageOperator, {"file_name": "gone", "if_missing": "fail"}),
        (AddRepoOperator, {"version_name": "20.15", "version_url": "https://other.example.com/"}),
    ]
    for kind, arguments in tasks:
        texts = []
        for check_mode in (True, False):
            with pytest.raises(VManageFailException) as caught:
                run(kind(task_id="t", check_mode=check_mode, **arguments))
            texts.append(type(caught.value.error))
        assert texts[0] is texts[1]
    assert writes(vm).count("DELETE") == 0
    assert len(vm.images) == 2
