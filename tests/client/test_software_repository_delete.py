"""Deleting: exactly the one that is meant, confirmed, and safe to run again."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageAmbiguousError,
    VManageLostImageError,
    VManageNotFoundError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.simulator import Simulator

LIST = "GET device/action/software"
ON_DELETE = {"method": "DELETE", "path": "device/action/software/*"}


@pytest.fixture
def vm(vm_of_release: Simulator) -> Simulator:
    return vm_of_release


@pytest.fixture
def after_login(vm: Simulator, calls: Callable[..., list[str]]) -> Callable[[], list[str]]:
    """What was received after login, release and token, without the reads of what is in use (test_usage.py)."""
    usage = re.compile("install/devices|status/tasks")
    return lambda: [one for one in calls(vm)[2 if vm.release.has_token else 3 :] if not usage.search(one)]


def delete(version_id: str) -> str:
    return f"DELETE device/action/software/{version_id}"


def names(vm: Simulator) -> list[str]:
    return [image.file_name for image in vm.images]


THERE = {"a.bin": "20.1", "aa.bin": "20.12", "a.bin.gz": "20.12.1", "vmanage-20.1.bin": "120.1"}
"""File names and their versions."""


@pytest.mark.parametrize(
    ("selector", "gone"),
    [
        ({"version": "20.1"}, "a.bin"),
        ({"version": "20.12"}, "aa.bin"),
        ({"version": " 20.12.1 "}, "a.bin.gz"),
        ({"version": "20"}, None),
        ({"version": "20.1."}, None),
        ({"version": "0.1"}, None),
        ({"version": "20.*"}, None),
        ({"file_name": "a.bin"}, "a.bin"),
        ({"file_name": "aa.bin"}, "aa.bin"),
        ({"file_name": ".bin"}, None),
        ({"file_name": "A.BIN"}, None),
        ({"file_name": "20.1"}, None),
        ({"version_id": "20.1"}, None),
        ({"version_id": "00000000-0000-0000-0000-000000000000"}, None),
    ],
)
def test_selector_means_exactly_what_it_says(
    selector: dict[str, str],
    gone: str | None,
    vm: Simulator,
    repository: SoftwareRepository,
    after_login: Callable[[], list[str]],
) -> None:
    images = {name: vm.add_image(name, version=version) for name, version in THERE.items()}

    change = repository.delete_image(**selector)

    assert names(vm) == [name for name in THERE if name != gone]
    if gone:
        assert (change.action, change.image.file_name) == ("deleted", gone)
        assert after_login() == [LIST, delete(images[gone].version_id), LIST]
    else:
        ((field, value),) = selector.items()
        row = change.as_row()
        assert (row["action"], row["changed"], row[field]) == ("unchanged", False, value)
        assert after_login() == [LIST]


@pytest.mark.parametrize("kind", ["version_id", "file_id"])
def test_both_ids_of_an_image_select_it(kind: str, vm: Simulator, repository: SoftwareRepository) -> None:
    images = [vm.add_image(name, version="20.1") for name in ("a.bin", "b.bin")]
    change = repository.delete_image(version_id=getattr(images[1], kind))
    assert (change.action, change.image.file_name) == ("deleted", "b.bin")
    assert names(vm) == ["a.bin"]


def test_uploaded_name_of_a_file_selects_it_too(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_record(
        {"versionId": "id-1", "versionName": "20.1", "availableFiles": "[c.bin]", "fileNameMap": "{c.bin=uploaded.bin}"}
    )
    assert repository.delete_image(file_name="uploaded.bin").action == "deleted"
    assert repository.list_images() == []


def test_name_with_a_quote_selects_either_spelling(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("a%22-1.1.1.bin")
    assert repository.find_stored('a"-1.1.1.bin').file_name == "a%22-1.1.1.bin"
    assert repository.delete_image(file_name='a"-1.1.1.bin').action == "deleted"
    for name in ("a%22-1.1.1.bin", 'a"-1.1.1.bin'):
        vm.add_image(name)
    with pytest.raises(VManageAmbiguousError, match="matches 2 images"):
        repository.delete_image(file_name='a"-1.1.1.bin')


def test_repository_url_is_deleted_by_its_name(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("", version="20.12", url="https://images.example.com/")
    change = repository.delete_image(version="20.12")
    assert (change.action, change.image.file_name) == ("deleted", None)
    assert vm.images == []


def test_missing_image_can_be_an_error(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("a.bin", version="20.12")
    with pytest.raises(VManageNotFoundError, match=r"version '20\.1', and if_missing is 'fail'") as caught:
        repository.delete_image(version="20.1", if_missing="fail")
    assert not caught.value.retryable


def test_running_it_twice_deletes_once(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    vm.add_image("a.bin", version="20.1")
    actions = [repository.delete_image(version="20.1").action for _ in range(2)]
    assert actions == ["deleted", "unchanged"]
    assert sum(call.startswith("DELETE") for call in after_login()) == 1


def test_version_of_several_images_is_refused_naming_them(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    images = [vm.add_image(name, version="20.1") for name in ("a.bin", "b.bin")]
    with pytest.raises(VManageAmbiguousError, match="matches 2 images, so nothing was changed") as caught:
        repository.delete_image(version="20.1")
    assert not caught.value.retryable
    assert len(caught.value.candidates) == 2
    for image, candidate in zip(images, caught.value.candidates, strict=True):
        assert image.file_name in candidate
        assert image.version_id in candidate
        assert candidate in str(caught.value)
    assert after_login() == [LIST]


def test_candidates_show_no_secret_of_a_url(vm: Simulator, repository: SoftwareRepository) -> None:
    for number in range(2):
        vm.add_image("", version="20.1", url=f"https://joe:hunter2@images.example.com/{number}?sig=signed-123")
    with pytest.raises(VManageAmbiguousError) as caught:
        repository.delete_image(version="20.1")
    assert "images.example.com/1" in str(caught.value)
    assert [secret for secret in ("hunter2", "signed-123") if secret in str(caught.value)] == []


# -- records of several files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("selector", ["file_name", "version_id"])
def test_only_one_file_of_a_shared_record_is_deleted(
    selector: str, vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    first = vm.add_image("a.bin", version="20.1")
    second = vm.add_image("b.bin", version="20.1", group=first.version_id)
    wanted = {"file_name": "b.bin", "version_id": second.file_id}[selector]
    if vm.release.six_fields:  # which shows no ids of files
        if selector == "file_name":
            with pytest.raises(VManageAmbiguousError, match=r"shares its record with a\.bin"):
                repository.delete_image(file_name=wanted)
        else:
            assert repository.delete_image(version_id=wanted).action == "unchanged"
        assert names(vm) == ["a.bin", "b.bin"]
        return
    change = repository.delete_image(**{selector: wanted})
    assert (change.action, change.image.version_id) == ("deleted", second.file_id)
    assert after_login() == [LIST, delete(second.file_id), LIST]
    assert names(vm) == ["a.bin"]


@pytest.mark.parametrize("selector", ["version", "version_id"])
def test_selector_of_all_files_of_a_record_is_ambiguous(
    selector: str, vm: Simulator, repository: SoftwareRepository
) -> None:
    first = vm.add_image("a.bin", version="20.1")
    vm.add_image("b.bin", version="20.1", group=first.version_id)
    with pytest.raises(VManageAmbiguousError, match="matches 2 images"):
        repository.delete_image(**{selector: getattr(first, selector)})
    assert names(vm) == ["a.bin", "b.bin"]


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])  # 16.3 shows no ids of files
@pytest.mark.parametrize(
    ("fault", "error"), [("forbidden", VManageRejectedError), ("html_200", VManageOutcomeUnknownError)]
)
def test_last_file_of_a_record_is_found_under_another_id(
    fault: str, error: type[Exception], vm: Simulator, repository: SoftwareRepository
) -> None:
    first = vm.add_image("a.bin", version="20.1")
    vm.add_image("b.bin", version="20.1", group=first.version_id)
    one, other = repository.list_images()
    repository.delete_listed(one)
    vm.faults.add(fault, times=None, **ON_DELETE)
    with pytest.raises(error):
        repository.delete_listed(other)
    assert names(vm) == ["b.bin"]


def take_the_record_along(vm: Simulator) -> None:
    """Make the manager delete all files of a record by the id of one."""
    repository = vm.repository
    find = repository.find

    def find_all(wanted: str) -> list[Any]:
        records = {image.version_id for image in find(wanted)}
        return [image for image in repository.images if image.version_id in records]

    repository.find = find_all  # type: ignore[method-assign]


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])  # 16.3 shows no ids of files
@pytest.mark.parametrize("listed_first", [True, False])
def test_deletion_that_removes_siblings_is_an_error_naming_them(
    vm: Simulator, repository: SoftwareRepository, *, listed_first: bool
) -> None:
    first = vm.add_image("a.bin", version="20.1")
    for name in ("b.bin", "c.bin"):
        vm.add_image(name, version="20.1", group=first.version_id)
    # The same name in another record does not stand for it.
    vm.add_record({"versionId": "id-2", "versionName": "20.1", "availableFiles": "b.bin"})
    take_the_record_along(vm)
    image = repository.list_images()[0]
    delete_it = (
        partial(repository.delete_listed, image)
        if listed_first
        else partial(repository.delete_image, file_name="a.bin")
    )
    with pytest.raises(VManageLostImageError, match=r"a\.bin .* was deleted, .*: b\.bin .*; c\.bin ") as caught:
        delete_it()
    assert not caught.value.retryable
    assert len(caught.value.lost) == 2
    assert names(vm) == []


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
def test_sibling_that_a_list_shows_late_is_not_lost(
    vm: Simulator, repository: SoftwareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = vm.add_image("a.bin", version="20.1")
    vm.add_image("b.bin", version="20.1", group=first.version_id)
    listed = vm.repository.listed
    calls: list[int] = []

    def late() -> list[Any]:
        calls.append(1)
        return [] if len(calls) == 2 else listed()

    monkeypatch.setattr(vm.repository, "listed", late)
    assert repository.delete_image(file_name="a.bin").action == "deleted"
    assert len(calls) == 3


@pytest.mark.parametrize("release", ["20.9.4", "20.12.4", "20.18.2"])
def test_files_of_one_record_can_be_deleted_in_turn(vm: Simulator, repository: SoftwareRepository) -> None:
    first = vm.add_image("a.bin", version="20.1")
    for name in ("b.bin", "c.bin"):
        vm.add_image(name, version="20.1", group=first.version_id)
    for image in repository.list_images():
        assert repository.delete_listed(image).action == "deleted"
    assert names(vm) == []


def test_deletion_that_is_refused_twice_is_an_error_at_once(
    vm: Simulator, repository: SoftwareRepository, calls: Callable[..., list[str]], recorded_sleeps: list[float]
) -> None:
    vm.add_image("a.bin", version="20.1")
    vm.faults.add("expired_f", times=2, **ON_DELETE)
    with pytest.raises(VManageSessionExpiredError, match="XSRF token not accepted") as caught:
        repository.delete_image(version="20.1")
    assert caught.value.retryable
    assert caught.value.status == 403
    assert calls(vm)[-1].startswith("DELETE")
    assert recorded_sleeps == []


# -- responses that are lost, refused or false -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["reply_lost", "empty_body", "short_body"])
def test_deletion_is_sent_once_if_the_response_is_lost(
    fault: str, vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    image = vm.add_image("a.bin", version="20.1")
    vm.faults.add(fault, **ON_DELETE)
    assert repository.delete_image(version="20.1").action == "deleted"
    assert after_login() == [LIST, delete(image.version_id), LIST]


@pytest.mark.parametrize(
    ("fault", "options", "status", "reason"),
    [
        ("status", {"status": 200}, 200, ""),
        ("status", {"status": 200, "body": "{"}, 200, r" \(The manager's response is not JSON .*\)"),
        ("http_502", {}, 502, r" \(The response to a change was lost on its way\)"),
        ("http_503", {"retry_after": 1}, 503, r" \(.* the manager asked to wait 1 s\)"),
        ("reset_before", {}, None, r" \(The response to a change was lost \(.*\)\)"),
        ("redirect", {}, 302, r" \(The manager redirects to .*\)"),
    ],
)
def test_image_that_stays_listed_is_an_unknown_outcome_with_reason(
    fault: str,
    options: dict[str, Any],
    status: int | None,
    reason: str,
    vm: Simulator,
    repository: SoftwareRepository,
    after_login: Callable[[], list[str]],
) -> None:
    image = vm.add_image("a.bin", version="20.1")
    vm.faults.add(fault, **ON_DELETE, **options)
    said = rf"^a\.bin .* is still listed 60 s after the change was sent{reason}$"
    with pytest.raises(VManageOutcomeUnknownError) as caught:
        repository.delete_image(version="20.1")
    assert re.match(said, caught.value.message)
    assert caught.value.retryable
    path = f"/dataservice/device/action/software/{image.version_id}"
    assert (caught.value.method, caught.value.path, caught.value.status) == ("DELETE", path, status)
    assert sum(call.startswith("DELETE") for call in after_login()) == 1


@pytest.mark.parametrize("release", ["20.12.4"])
def test_page_in_place_of_a_response_is_settled_by_listing(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    image = vm.add_image("a.bin", version="20.1")
    vm.faults.add("html_200", **ON_DELETE, done=True)
    change = repository.delete_image(version="20.1")
    assert (change.action, vm.images) == ("deleted", [])
    assert [one for one in after_login() if "device" in one] == [LIST, delete(image.version_id), LIST]
    assert vm.counters.logins == 2


@pytest.mark.parametrize("release", ["20.12.4"])
def test_deletion_is_repeated_only_after_seconds_of_lists(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]], recorded_sleeps: list[float]
) -> None:
    image = vm.add_image("a.bin", version="20.1")
    vm.faults.add("html_200", **ON_DELETE)
    assert repository.delete_image(version="20.1").action == "deleted"
    assert vm.images == []
    sent = [one for one in after_login() if "device" in one]
    deletions = [at for at, one in enumerate(sent) if one == delete(image.version_id)]
    assert len(deletions) == 2
    assert deletions[1] - deletions[0] > 2
    assert sum(recorded_sleeps) == 5


@pytest.mark.parametrize("release", ["20.12.4"])
def test_deletion_listed_late_after_a_page_is_not_repeated(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    vm.add_image("a.bin", version="20.1")
    before, listed = vm.repository.listed(), vm.repository.listed
    calls: list[int] = []

    def late() -> list[Any]:
        calls.append(1)
        return before if len(calls) < 4 else listed()

    monkeypatch.setattr(vm.repository, "listed", late)
    vm.faults.add("html_200", **ON_DELETE, done=True)
    assert repository.delete_image(version="20.1").action == "deleted"
    assert sum(one.startswith("DELETE") for one in after_login()) == 1


@pytest.mark.parametrize("release", ["20.12.4"])
def test_image_that_is_gone_is_not_deleted(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    vm.add_image("a.bin", version="20.1")
    (image,) = repository.list_images()
    assert repository.delete_listed(image).action == "deleted"
    assert repository.delete_listed(image).action == "unchanged"
    assert sum(one.startswith("DELETE") for one in after_login()) == 1


@pytest.mark.parametrize("release", ["20.12.4"])
def test_refused_list_after_the_deletion_is_no_refused_deletion(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("a.bin", version="20.1")
    listed = repository.list_images()
    vm.faults.add("forbidden", method="GET", path="device/action/software")
    with pytest.raises(VManageRejectedError) as caught:
        repository.delete_listed(listed[0], listed)
    assert (caught.value.method, vm.images) == ("GET", [])


@pytest.mark.parametrize("release", ["20.12.4"])
def test_refusal_of_a_deletion_that_happened_is_reported(vm: Simulator, repository: SoftwareRepository) -> None:
    for fault in ("error_500", "error_200"):
        vm.add_image("a.bin", version="20.1")
        vm.faults.add(fault, **ON_DELETE, done=True)
        with pytest.raises(VManageRejectedError, match=r"Simulated failure .* code SIM-FAULT"):
            repository.delete_image(version="20.1")
        assert vm.images == []
        assert repository.delete_image(version="20.1").action == "unchanged"


def test_refusal_carries_the_message_of_the_manager(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    image = vm.add_image("a.bin", version="20.1")
    vm.faults.add("error_4xx", **ON_DELETE, message="In use", details="by vedge-1", code="SIM-IN-USE")
    with pytest.raises(VManageRejectedError, match=r"In use .*code SIM-IN-USE.*by vedge-1") as caught:
        repository.delete_image(version="20.1")
    assert caught.value.fields == {
        "status": 400,
        "code": "SIM-IN-USE",
        "details": "by vedge-1",
        "method": "DELETE",
        "path": f"/dataservice/device/action/software/{image.version_id}",
    }
    assert after_login() == [LIST, delete(image.version_id), LIST]


def test_image_that_another_client_deletes_meanwhile_is_unchanged(
    vm: Simulator, repository: SoftwareRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = vm.add_image("a.bin", version="20.1")
    request = repository.session.request

    def slower(method: str, path: str, **options: Any) -> Any:
        if method == "DELETE":
            vm.repository.delete(image.version_id)
        return request(method, path, **options)

    monkeypatch.setattr(repository.session, "request", slower)
    assert repository.delete_image(version="20.1").action == "unchanged"


def test_busy_manager_is_asked_again_within_a_minute(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]], recorded_sleeps: list[float]
) -> None:
    vm.add_image("a.bin", version="20.1")
    vm.faults.add("http_429", **ON_DELETE, retry_after=3)
    vm.faults.add("http_429", **ON_DELETE, retry_after=600)
    with pytest.raises(VManageUnavailableError, match="wait 600 s"):
        repository.delete_image(version="20.1")
    assert recorded_sleeps == [3.0]
    assert names(vm) == ["a.bin"]


def test_id_that_leads_to_another_path_is_not_sent(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_record({"versionId": "x/../y", "versionName": "20.1", "availableFiles": "a.bin"})
    with pytest.raises(VManageProtocolError, match=r"lists the id 'x/\.\./y', which cannot be part of a path"):
        repository.delete_image(version="20.1")
    assert [one for one in vm.requests if one.method == "DELETE"] == []


def test_image_without_an_id_is_refused_in_these_words(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_record({"versionName": "20.1", "availableFiles": "a.bin"})
    with pytest.raises(VManageAmbiguousError, match=r"^version '20\.1' is listed without an id; nothing was changed$"):
        repository.delete_image(version="20.1")


ONE_NAME = {"availableFiles": "[a,b.bin]", "fileNameMap": "{a,b.bin=a,b.bin}", "versionIdMap": "{a,b.bin=99}"}
UNSURE = {"availableFiles": "[a, b.bin, c.bin]", "versionIdMap": "{x, b.bin=99}"}


def test_part_of_a_name_with_a_comma_selects_nothing(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_record({"versionId": "id", "versionName": "20.1", **ONE_NAME})
    assert repository.find_images(file_name="b.bin") == []
    assert repository.delete_image(file_name="b.bin").action == "unchanged"
    assert repository.delete_image(file_name="a,b.bin").action == "deleted"
    assert repository.list_images() == []


@pytest.mark.parametrize(
    "selector",
    [{"version": "20.1"}, {"version_id": "id"}, {"file_name": "b.bin"}, {"file_name": "a, b.bin, c.bin"}],
)
def test_names_that_cannot_be_separated_are_not_deleted(
    selector: dict[str, str], vm: Simulator, repository: SoftwareRepository
) -> None:
    vm.add_record({"versionId": "id", "versionName": "20.1", **UNSURE})
    assert repository.find_images(file_name="b.bin") == []
    with pytest.raises(VManageAmbiguousError, match="no id for it alone"):
        repository.delete_image(**selector)


def test_id_with_odd_signs_is_one_part_of_the_path(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_record({"versionId": "id 1/x?y#z", "versionName": "20.1", "availableFiles": "a.bin"})
    with pytest.raises(VManageRejectedError):
        repository.delete_image(version="20.1")
    (sent,) = [one for one in vm.requests if one.method == "DELETE"]
    assert sent.query == {}
