"""A repository as a desired state: plan, apply, rerun."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import VManagePartialError, VManageStalePlanError
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import ApplyRepositoryOperator, PlanRepositoryOperator
from airflow_provider_vmanage.simulator import Simulator

NEW, OLD, OTHER = (f"vmanage-20.12.{n}-x86_64.tar.gz" for n in (4, 3, 2))
NEW_ENTRY = {"file_name": NEW}
URL = "https://images.example.com/20.12/"

Make = Callable[..., Any]


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def plan(run: Make) -> Make:
    return lambda images, **options: run(PlanRepositoryOperator(task_id="plan", images=images, **options))


@pytest.fixture
def apply(run: Make) -> Make:
    def make(plan: Any, context: dict[str, Any] | None = None, **options: Any) -> Any:
        return run(ApplyRepositoryOperator(task_id="apply", plan=plan, **options), context)

    return make


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], str]:
    def make(name: str) -> str:
        path = tmp_path / name
        path.write_bytes(b"content of " + name.encode())
        return str(path)

    return make


def names(vm: Simulator) -> list[str]:
    return sorted(image.file_name or image.version for image in vm.images)


def whats(rows: list[dict[str, Any]]) -> list[str | None]:
    return [row["file_name"] or row["version"] for row in rows]


def test_plan_names_additions_deletions_and_reasons(vm: Simulator, plan: Make, source: Callable[[str], str]) -> None:
    for name in (OLD, OTHER, "keep-1.1.1.bin"):
        vm.add_image(name)
    vm.add_image("vmanage-20.12.1-x86_64.tar.gz")
    vm.add_device("branch-1", version="20.12.2")
    row = plan([source(NEW), {"file_name": OLD}], exact=True, protect=["keep-*"])
    assert json.loads(json.dumps(row)) == row
    assert whats(row["add"]) == [NEW]
    assert {one["file_name"]: one["reason"] for one in row["keep"]} == {
        OLD: f"wanted: {OLD}",
        "keep-1.1.1.bin": "protected by 'keep-*'",
    }
    assert whats(row["remove"]) == ["vmanage-20.12.1-x86_64.tar.gz"]
    assert [(one["file_name"], one["reason"]) for one in row["blocked"]] == [(OTHER, "is in use on branch-1")]
    assert row["digest"].startswith("sha256:")
    assert not [one for one in vm.requests if one.method in ("PUT", "DELETE")]


@pytest.mark.parametrize("release", ["20.9.4", "20.18.2"])
def test_upload_into_the_record_of_a_removal_stays(
    release: str, connect: Callable[..., None], plan: Make, apply: Make, source: Callable[[str], str]
) -> None:
    """The old file was alone in its record when the plan was made; the upload of the same version joins it."""
    with Simulator(release, group_by_version=True) as vm:
        connect(vm)
        vm.add_image("old-20.12.4.bin", version="20.12.4")
        row = plan([source(NEW)], exact=True)
        assert (whats(row["add"]), whats(row["remove"])) == ([NEW], ["old-20.12.4.bin"])
        done = apply(row, max_deletions=10)
        assert (whats(done["added"]), whats(done["removed"])) == ([NEW], ["old-20.12.4.bin"])
        assert names(vm) == [NEW]


def test_unreadable_record_is_never_deleted(vm: Simulator, plan: Make, apply: Make) -> None:
    for name in (NEW, OLD):
        vm.add_image(name)
    odd = {"versionId": "id-odd", "versionName": {"major": 20}, "availableFiles": OTHER}
    vm.add_record(odd)
    row = plan([NEW_ENTRY], exact=True)
    assert whats(row["remove"]) == [OLD]
    (blocked,) = row["blocked"]
    assert blocked["what"].startswith("a record that could not be read (versionName")
    assert (blocked["version_id"], blocked["reason"][:18]) == (None, "could not be read ")
    assert apply(row)["action"] == "applied"
    assert vm.repository.raw_records == [odd]


def test_image_maybe_on_a_remote_server_blocks_the_plan(connect: Callable[..., None], plan: Make, apply: Make) -> None:
    with Simulator(version="20.18.2") as vm:
        connect(vm)
        for name in ("files", "mirror"):
            vm.add_remote_server(name)
        vm.add_record({"versionId": "id-1", "versionType": "remote", "availableFiles": NEW})
        vm.add_record({"versionId": "id-2", "versionType": "mirror", "availableFiles": OLD})
        wanted = [{"remote_server": "files", "file_name": name} for name in (NEW, OLD)]
        row = plan(wanted)
        assert whats(row["add"]) == [OLD]
        assert [one["reason"] for one in row["blocked"]] == [
            "is listed on a remote server, and the manager does not show on which"
        ]
        with pytest.raises(VManageFailException, match="does not show on which"):
            apply(row)
        assert not [one for one in vm.requests if one.method == "POST" and "/action/" in one.path]


def test_file_on_a_remote_server_alone_counts_as_missing(vm: Simulator, plan: Make) -> None:
    vm.add_record({"versionId": "id-1", "versionType": "remote", "versionName": "20.12.4", "availableFiles": NEW})
    row = plan([NEW_ENTRY])
    assert [one["reason"] for one in row["blocked"]] == ["is missing, and has no source"]


def test_repository_url_in_another_spelling_is_kept(vm: Simulator, plan: Make) -> None:
    vm.add_image("", version="20.12", url=URL.rstrip("/"))
    row = plan([{"version_name": "20.12", "version_url": URL}], exact=True)
    assert (row["add"], row["remove"], len(row["keep"])) == ([], [], 1)


def test_without_exact_nothing_is_removed_and_no_device_is_asked(vm: Simulator, plan: Make) -> None:
    vm.add_image(OLD)
    row = plan([])
    assert (whats(row["keep"]), row["remove"]) == ([OLD], [])
    assert not [one for one in vm.requests if "install/devices" in one.path]


@pytest.mark.slow
def test_apply_makes_the_planned_changes_and_a_rerun_none(
    vm: Simulator, plan: Make, apply: Make, source: Callable[[str], str]
) -> None:
    vm.add_image(OLD)
    vm.add_image(OTHER)
    wanted = [source(NEW), {"version_name": "20.12", "version_url": URL}, {"version": "20.12.3"}]
    made = plan(wanted, exact=True)
    row = apply(made)
    assert (row["action"], row["changed"], row["applied"]) == ("applied", True, True)
    assert [one["action"] for one in row["added"]] == ["uploaded", "added"]
    assert [one["file_name"] for one in row["removed"]] == [OTHER]
    assert names(vm) == sorted([NEW, OLD, "20.12"])
    again = apply(made)
    assert (again["action"], again["changed"], again["added"], again["removed"]) == ("unchanged", False, [], [])
    assert names(vm) == sorted([NEW, OLD, "20.12"])


@pytest.mark.slow
def test_plan_from_a_template_is_applied(vm: Simulator, plan: Make, apply: Make) -> None:
    vm.add_image(OLD)
    made = plan([], exact=True)
    assert apply(str(made), allow_empty="yes")["removed"]
    assert apply(json.dumps(made), allow_empty=True)["action"] == "unchanged"


@pytest.mark.parametrize("what", ["another image", "a removed one", "a second of the name", "an image in use"])
def test_state_that_others_have_changed_stops_the_apply(vm: Simulator, plan: Make, apply: Make, what: str) -> None:
    stays, goes = vm.add_image(OLD), vm.add_image(OTHER)
    made = plan([{"file_name": OLD}], exact=True)
    if what == "another image":
        vm.add_image("new-1.1.1.bin")
    elif what == "a removed one":
        vm.repository.delete(stays.version_id)
    elif what == "a second of the name":
        vm.repository.delete(goes.version_id)
        vm.add_image(OTHER)
    else:
        vm.add_device("branch-1", version="20.12.2")
    before = names(vm)
    with pytest.raises(VManageFailException) as caught:
        apply(made)
    assert isinstance(caught.value.error, VManageStalePlanError)
    assert names(vm) == before


@pytest.mark.parametrize("name", ["add", "keep", "remove", "blocked", "digest", "images", "protect"])
def test_edited_plan_is_refused(
    vm: Simulator, plan: Make, apply: Make, source: Callable[[str], str], name: str
) -> None:
    vm.add_image(OLD)
    vm.add_image(OTHER)
    vm.add_image("vmanage-20.12.1.bin")
    vm.add_device("branch-1", version="20.12.2")
    made = copy.deepcopy(plan([source(NEW), {"file_name": OLD}], exact=True))
    made[name] = {"digest": "sha256:00", "protect": ["x*"]}.get(name, made[name][1:])
    before = names(vm)
    with pytest.raises(VManageFailException, match="so it was edited: plan again"):
        apply(made)
    assert names(vm) == before


@pytest.mark.slow
@pytest.mark.parametrize(("count", "limit", "refused"), [(10, 10, False), (11, 10, True), (1, 0, True), (3, 3, False)])
def test_more_deletions_than_allowed_are_refused_and_not_capped(
    vm: Simulator, plan: Make, apply: Make, source: Callable[[str], str], count: int, limit: int, *, refused: bool
) -> None:
    for number in range(count):
        vm.add_image(f"old-1.1.{number}.bin")
    made = plan([source(NEW)], exact=True)
    if refused:
        with pytest.raises(
            VManageFailException, match=f"{count} images would be deleted, and max_deletions is {limit}"
        ):
            apply(made, max_deletions=limit)
        assert len(vm.images) == count
        with pytest.raises(VManageFailException, match="max_deletions"):
            apply(made, max_deletions=limit, check_mode=True)
    else:
        apply(made, max_deletions=limit)
        assert names(vm) == [NEW]


def test_empty_exact_set_is_refused_unless_allowed(vm: Simulator, plan: Make, apply: Make) -> None:
    vm.add_image(OLD)
    made = plan([], exact=True)
    with pytest.raises(VManageFailException, match="set allow_empty to delete all images"):
        apply(made)
    assert names(vm) == [OLD]
    apply(made, allow_empty=True)
    assert names(vm) == []


def test_plan_that_cannot_complete_is_not_started(vm: Simulator, plan: Make, apply: Make, tmp_path: Path) -> None:
    vm.add_image(OLD)
    made = plan([str(tmp_path / NEW), {"file_name": "gone.bin"}], exact=True)
    assert [one["reason"].split(":")[0] for one in made["blocked"]] == [
        "cannot be read",
        "is missing, and has no source",
    ]
    with pytest.raises(VManageFailException, match=r"cannot complete \(.*cannot be read.*Nothing was changed"):
        apply(made)
    assert names(vm) == [OLD]


def test_checksum_list_without_the_file_blocks_the_plan(
    vm: Simulator, plan: Make, source: Callable[[str], str], tmp_path: Path
) -> None:
    listed = tmp_path / "SHA512SUMS"
    listed.write_text(f"{'0' * 128}  {OLD}\n")
    row = plan([{"source": source(name), "checksum": f"file:{listed}"} for name in (NEW, OLD)])
    assert whats(row["add"]) == [OLD]
    assert [one["file_name"] for one in row["blocked"]] == [NEW]
    assert "SHA512SUMS" in row["blocked"][0]["reason"]


@pytest.mark.parametrize("form", ["sha512:{}", "file:list"])
def test_other_bytes_under_a_wanted_name_block_the_plan(
    connect: Callable[..., None], plan: Make, apply: Make, source: Callable[[str], str], tmp_path: Path, form: str
) -> None:
    path, listed = source(NEW), tmp_path / "SHA512SUMS"
    digest = hashlib.sha512(Path(path).read_bytes()).hexdigest()
    listed.write_text(f"{digest}  {NEW}\n")
    entry = {"source": path, "checksum": form.format(digest).replace("list", str(listed))}
    with Simulator("20.18.2") as vm:
        connect(vm)
        vm.add_image(OLD)
        early = plan([entry], exact=True)
        vm.add_image(NEW)
        with pytest.raises(VManageFailException, match="plan again"):
            apply(early)
        row = plan([entry], exact=True)
        (blocked,) = row["blocked"]
        assert blocked["reason"].startswith(f"is listed already: checksum mismatch for {NEW}")
        with pytest.raises(VManageFailException, match=r"cannot complete \(.*checksum mismatch"):
            apply(row)
        assert names(vm) == [OLD, NEW]
        vm.set_metadata(NEW, checksum=digest)
        row = plan([entry], exact=True)
        assert (whats(row["keep"]), whats(row["remove"]), row["blocked"]) == ([NEW], [OLD], [])
        assert whats(apply(early)["removed"]) == [OLD]


class Task:
    """Keeps what is pushed."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.mark.slow
def test_failure_in_the_middle_is_reported_and_a_rerun_continues(
    vm: Simulator, plan: Make, apply: Make, source: Callable[[str], str]
) -> None:
    vm.add_image(OLD)
    vm.add_image(OTHER)
    made = plan([source(NEW)], exact=True)
    vm.faults.add("forbidden", method="DELETE")
    task = Task()
    with pytest.raises(VManageFailException, match="1 of 3 changes were made, then this failed: delete") as caught:
        apply(made, {"ti": task})
    error = caught.value.error
    assert isinstance(error, VManagePartialError)
    assert [one["file_name"] for one in task.pushed["done"]] == [NEW]
    assert (error.failed, error.left) == (f"delete {_described(vm, OLD)}", (f"delete {_described(vm, OTHER)}",))
    assert names(vm) == sorted([NEW, OLD, OTHER])
    row = apply(made)
    assert row["added"] == []
    assert [one["file_name"] for one in row["removed"]] == [OLD, OTHER]
    assert names(vm) == [NEW]


def _described(vm: Simulator, name: str) -> str:
    (image,) = [one for one in vm.images if one.file_name == name]
    return f"{name} (version {image.version}, id {image.version_id})"


@pytest.mark.slow
def test_check_mode_reports_the_same_and_changes_nothing(
    vm: Simulator, plan: Make, apply: Make, source: Callable[[str], str]
) -> None:
    vm.add_image(OLD)
    made = plan([source(NEW)], exact=True)
    would = apply(made, check_mode=True)
    assert names(vm) == [OLD]
    assert not [one for one in vm.requests if one.method == "DELETE" or one.path.endswith("/package")]
    does = apply(made)
    assert (would["applied"], does["applied"]) == (False, True)
    for part in ("added", "removed"):
        assert [(r["action"], r["changed"], r["file_name"]) for r in would[part]] == [
            (r["action"], r["changed"], r["file_name"]) for r in does[part]
        ]
        assert {r["applied"] for r in would[part]} == {False}
    assert (would["action"], would["changed"]) == (does["action"], does["changed"]) == ("applied", True)


@pytest.mark.parametrize("listed", ["17.9.1", "17.09.01.0.155356.1646904830"])
def test_version_that_a_wanted_maintenance_update_needs_is_not_removed(vm: Simulator, plan: Make, listed: str) -> None:
    vm.add_image("c8000v-17.9.1.bin", version=listed)
    vm.add_image("c8000v-17.6.1.bin")
    vm.add_record(
        {
            "versionId": "smu",
            "availableFiles": "[c8000v-smu.bin]",
            "versionName": "17.9.1.CSCab12345",
            "smuCompatibleVersion": "17.9.1",
            "versionType": "vmanage",
            "platformFamily": ["c8000v"],
        }
    )
    row = plan([{"file_name": "c8000v-smu.bin"}], exact=True)
    assert whats(row["remove"]) == ["c8000v-17.6.1.bin"]
    assert [(one["file_name"], one["reason"].split(" (")[0]) for one in row["blocked"]] == [
        ("c8000v-17.9.1.bin", "is referred to by c8000v-smu.bin")
    ]


def test_devices_that_cannot_be_listed_block_every_removal(vm: Simulator, plan: Make) -> None:
    vm.add_image(OLD)
    vm.faults.add("error_500", path="device/action/install/devices/vedge")
    row = plan([], exact=True)
    assert row["remove"] == []
    assert "counts as in use, since the devices could not be listed" in row["blocked"][0]["reason"]


@pytest.mark.parametrize("release", ["20.18.2"])
def test_release_of_remote_servers_blocks_a_repository_url(
    vm_of_release: Simulator, connect: Callable[..., None], plan: Make, apply: Make
) -> None:
    vm = vm_of_release
    connect(vm)
    vm.add_remote_server("files")
    entry = {"version_name": "20.12", "version_url": URL}
    remote = {"remote_server": "files", "file_name": "isr-17.12.4.bin"}
    row = plan([entry, remote, {"remote_server": "gone", "file_name": "a.bin"}])
    assert ["AddRemoteImageOperator" in one["reason"] for one in row["blocked"]] == [True, False]
    assert "the remote server 'gone' does not exist" in row["blocked"][1]["reason"]
    made = plan([remote])
    assert apply(made)["added"][0]["action"] == "added"
    assert apply(made)["action"] == "unchanged"
    assert [one["file_name"] for one in plan([remote])["keep"]] == ["isr-17.12.4.bin"]
