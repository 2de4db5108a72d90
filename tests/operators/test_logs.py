"""What tasks log of what they did, would do in check mode, and found."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    ApplyRepositoryOperator,
    DeleteImageOperator,
    ListImagesOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator, PlanUpgradeOperator
from airflow_provider_vmanage.simulator import Simulator

NEW, OLD, OTHER = (f"vmanage-20.12.{n}-x86_64.tar.gz" for n in (4, 3, 2))
URL = "https://images.example.com/20.12/"
DONE = re.compile(r"\b(deleted|removed|added|uploaded|replaced|Step)\b")


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def log(
    run: Callable[..., Any], capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> Callable[[Any], list[str]]:
    """Run a task, which may fail, and return the texts of its log."""

    def lines(task: Any) -> list[str]:
        capsys.readouterr()
        caplog.set_level("INFO", logger="airflow_provider_vmanage")
        caplog.clear()
        with contextlib.suppress(VManageFailException):
            run(task)
        shown = re.sub("\x1b\\[[0-9]*m", "", capsys.readouterr().out).splitlines()
        found = (re.match(r"^\S+ \[\w+ *\] (.*?) +\[[\w.]*(?:vmanage|airflow\.task)[\w.]*\]", line) for line in shown)
        operator = [one[1] for one in found if one]
        return operator + [one for one in caplog.messages if one not in operator]

    return lines


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / NEW
    path.write_bytes(b"an image" * 1000)
    return str(path)


# -- check mode ------------------------------------------------------------------------------------------------------


def test_prune_names_check_mode_in_every_line_of_a_change(vm: Simulator, log: Callable[[Any], list[str]]) -> None:
    for name in (NEW, OLD):
        image = vm.add_image(name)
    said = log(PruneImagesOperator(task_id="t", keep=1, check_mode=True))
    assert f"check mode: would delete {OLD} (version 20.12.3, id {image.version_id}) (1 of 1)" in said
    assert "check mode: would delete 1 image and keep 1; nothing was changed" in said
    assert [line for line in said if DONE.search(line)] == []
    said = log(PruneImagesOperator(task_id="t", keep=1))
    assert f"Step 1 of 1: delete {OLD} (version 20.12.3, id {image.version_id})" in said
    assert "deleted: deleted 1 image, kept 1" in said
    assert [line for line in said if "check mode" in line] == []


def test_apply_names_check_mode_in_every_line_of_a_change(
    vm: Simulator, run: Callable[..., Any], log: Callable[[Any], list[str]], source: str
) -> None:
    vm.add_image(OLD)
    plan = run(PlanRepositoryOperator(task_id="plan", images=[source], exact=True))
    said = log(ApplyRepositoryOperator(task_id="t", plan=plan, check_mode=True))
    assert f"check mode: would add {NEW} (1 of 2)" in said
    assert f"check mode: would delete {plan['remove'][0]['what']} (2 of 2)" in said
    assert "check mode: would add 1 image and delete 1 image; nothing was changed" in said
    assert [line for line in said if DONE.search(line)] == []


def test_failure_in_check_mode_claims_no_change(vm: Simulator, run: Callable[..., Any], tmp_path: Path) -> None:
    files = [tmp_path / name for name in (NEW, OTHER)]
    for file in files:
        file.write_bytes(b"an image")
    wrong = {"source": str(files[1]), "checksum": f"sha512:{'0' * 128}"}
    plan = run(PlanRepositoryOperator(task_id="plan", images=[str(files[0]), wrong]))
    with pytest.raises(VManageFailException) as caught:
        run(ApplyRepositoryOperator(task_id="t", plan=plan, check_mode=True))
    assert str(caught.value).startswith(f"check mode: would fail to add {OTHER}: checksum mismatch")
    assert str(caught.value).endswith(f"Checked before: add {NEW}. Not checked: nothing. Nothing was changed")


@pytest.mark.slow
def test_check_mode_of_one_change_says_what_would_be_done(
    vm: Simulator, log: Callable[[Any], list[str]], source: str
) -> None:
    image = vm.add_image(OLD)
    tasks = {
        f"check mode: would delete file_name {OLD}, version 20.12.3, version_id {image.version_id}; nothing was "
        "changed": DeleteImageOperator(task_id="t", file_name=OLD, check_mode=True),
        f"check mode: would upload file_name {NEW}; nothing was changed": UploadImageOperator(
            task_id="t", source=source, check_mode=True
        ),
        "check mode: would add version 20.15; nothing was changed": AddRepoOperator(
            task_id="t", version_name="20.15", version_url=URL, check_mode=True
        ),
        "check mode: unchanged: file_name gone.bin": DeleteImageOperator(
            task_id="t", file_name="gone.bin", check_mode=True
        ),
    }
    for line, task in tasks.items():
        said = log(task)
        assert line in said
        assert [one for one in said if DONE.search(one)] == []


# -- one id ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("names", [[OLD], [OLD, OTHER]], ids=["a record of one file", "a record of two files"])
def test_plan_log_and_row_name_the_id_that_is_deleted(
    vm: Simulator, run: Callable[..., Any], log: Callable[[Any], list[str]], names: list[str]
) -> None:
    vm.add_record(
        {
            "versionId": "id-of-record",
            "versionName": "20.12.3",
            "versionType": "vmanage",
            "availableFiles": f"[{', '.join(names)}]",
            "versionIdMap": "{" + ", ".join(f"{name}=id-of-{name}" for name in names) + "}",
            "platformFamily": ["vmanage"],
        }
    )
    right = "id-of-record" if names == [OLD] else f"id-of-{OLD}"
    plan = run(PlanRepositoryOperator(task_id="plan", images=[], exact=True))
    (row,) = [one for one in plan["remove"] if one["file_name"] == OLD]
    apply = {"task_id": "t", "plan": plan, "allow_empty": True, "check_mode": True}
    (done,) = [one for one in run(ApplyRepositoryOperator(**apply))["removed"] if one["file_name"] == OLD]
    said = "\n".join(line for line in log(ApplyRepositoryOperator(**apply)) if OLD in line)
    page = "\n".join(line for line in plan["markdown"].splitlines() if OLD in line)
    wrong = f"id-of-{OLD}" if names == [OLD] else "id-of-record"
    assert row["version_id"] == done["version_id"] == right
    assert right in row["what"]
    for shown in (said, page):
        assert right in shown
        assert wrong not in shown
    assert wrong not in str(row)


# -- tables ----------------------------------------------------------------------------------------------------------


def test_list_task_logs_a_table(vm: Simulator, log: Callable[[Any], list[str]]) -> None:
    image = vm.add_image(NEW, updated_on=1_600_000_000_000)
    vm.add_image("", version="20.15", url=URL)
    said = log(ListImagesOperator(task_id="t"))
    start = said.index("2 images")
    head, rule, *rows = said[start + 1 : start + 5]
    assert re.split(r" +\| +", head)[:3] == ["file or URL", "version", "version_id"]
    assert set(rule) == {"-", "+"}
    assert re.split(r" +\| +", rows[0])[:3] == [NEW, "20.12.4", image.version_id]
    assert rows[0].endswith("2020-09-13 12:26Z")
    assert rows[1].startswith(URL)


@pytest.mark.parametrize(
    ("reachability", "line"),
    [
        (["reachable"], "1 device, reachable"),
        (["unreachable"], "1 device, not reachable"),
        (["reachable", "unreachable", "reachable"], "3 devices, 1 not reachable"),
    ],
    ids=["one", "one not reachable", "three"],
)
def test_device_task_logs_a_table_under_a_count(
    vm: Simulator, log: Callable[[Any], list[str]], reachability: list[str], line: str
) -> None:
    for number, reach in enumerate(reachability):
        vm.add_device(f"branch-{number}", version="20.12.2", reachability=reach)
    said = log(ListDeviceSoftwareOperator(task_id="t", device_type="vedge"))
    start = said.index(line)
    columns = ["device", "role", "site_id", "running", "default", "available", "reachable"]
    assert re.split(r" +\| +", said[start + 1]) == columns
    assert [one.partition(" ")[0] for one in said[start + 3 : start + 3 + len(reachability)]] == [
        f"branch-{n}" for n in range(len(reachability))
    ]


def test_plan_task_logs_a_table(vm: Simulator, log: Callable[[Any], list[str]], source: str) -> None:
    old, used = vm.add_image(OLD), vm.add_image(OTHER)
    vm.add_device("branch-1", version="20.12.2")
    said = log(PlanRepositoryOperator(task_id="t", images=[source], exact=True))
    start = said.index("plan: 1 to add, 1 to delete, 1 blocked, 0 to keep")
    rows = [re.split(r" +\| +", line) for line in said[start + 3 : start + 6]]
    dash = "\N{EN DASH}"
    assert rows == [
        ["add", NEW, dash, dash, "8.0 kB", dash, "missing"],
        ["delete", OLD, "20.12.3", old.version_id, dash, "no device", "not wanted"],
        ["blocked", OTHER, "20.12.2", used.version_id, dash, "branch-1", "is in use on branch-1"],
    ]


# -- the approval page -----------------------------------------------------------------------------------------------


def test_page_of_a_plan_shows_manager_release_and_a_table(vm: Simulator, run: Callable[..., Any], source: str) -> None:
    old, used = vm.add_image(OLD), vm.add_image(OTHER)
    vm.add_device("branch-1", version="20.12.2")
    plan = run(PlanRepositoryOperator(task_id="t", images=[source], exact=True))
    lines = plan["markdown"].splitlines()
    dash = "\N{EN DASH}"
    assert lines[0] == f"**Manager:** {vm.url}, release {vm.version}"
    assert lines[2:7] == [
        "| action | image | version | version_id | size | used by | reason |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        f"| add | {NEW} | {dash} | {dash} | 8.0 kB | {dash} | missing |",
        f"| delete | {OLD} | 20.12.3 | {old.version_id} | {dash} | no device | not wanted |",
        f"| blocked | {OTHER} | 20.12.2 | {used.version_id} | {dash} | branch-1 | is in use on branch-1 |",
    ]
    assert lines[8].startswith("**blocked** is not changed:")
    assert plan["digest"] in lines[-1]


def test_page_of_a_plan_without_changes_says_so(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image(OLD)
    page = run(PlanRepositoryOperator(task_id="t", images=[]))["markdown"]
    assert "Nothing to change." in page
    assert "1 other image on the manager: no change." in page
    assert "blocked" not in page


def test_names_of_the_manager_cannot_break_the_page(vm: Simulator, run: Callable[..., Any]) -> None:
    name = "a|b`c*d_[x](y)<img>"
    vm.add_record({"versionId": "1", "versionName": name, "availableFiles": "old.bin", "versionType": "vmanage"})
    page = run(PlanRepositoryOperator(task_id="t", images=[], exact=True))["markdown"]
    assert r"| a\|b\`c\*d\_\[x\](y)\<img\> |" in page


def test_page_is_no_part_of_the_digest(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image(OLD)
    plan = run(PlanRepositoryOperator(task_id="t", images=[], exact=True))
    del plan["markdown"]
    assert run(ApplyRepositoryOperator(task_id="t", plan=plan, allow_empty=True))["action"] == "applied"


# -- the plan of an upgrade ------------------------------------------------------------------------------------------


def test_plan_of_an_upgrade_is_logged_as_a_table(vm: Simulator, log: Callable[[Any], list[str]]) -> None:
    vm.add_image("edge.bin", version="17.12.04.0.6740.1708", platform_family=())
    for name, reach in (("a", "reachable"), ("b", "unreachable"), ("c", "reachable")):
        vm.add_device(name, "vedge", "17.09.04a.0.6", site_id=name, reachability=reach)
    said = log(PlanUpgradeOperator(task_id="t", version="17.12.04.0.6740", wave_sizes=[1]))
    assert "plan: 2 devices in 2 waves, 0 unchanged, 1 blocked" in said
    assert "image edge.bin names no platform family: check that it fits the devices" in said
    head = next(number for number, line in enumerate(said) if line.startswith("wave | device | site_id"))
    rows = [[cell.strip() for cell in line.split(" | ")] for line in said[head + 2 : head + 5]]
    assert [(row[0], row[1], row[6]) for row in rows] == [
        ("\N{EN DASH}", "b", "\N{EN DASH}"),
        ("1", "a", "install+activate"),
        ("2", "c", "install+activate"),
    ]
    assert rows[0][7] == "the manager cannot reach it"
