"""The software repository: list, find, add a repository URL."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageConfigurationError,
    VManageConflictError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageProtocolError,
    VManageRejectedError,
    VManageSessionExpiredError,
    VManageUnavailableError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.software_repository import Change, SoftwareRepository
from airflow_provider_vmanage.simulator import Simulator

LIST = "GET device/action/software"
POST = "POST device/action/software"
URL = "https://images.example.com/20.12/"
OTHER = "ftp://images.example.com/20.12/"
BY_URL = ["16.3.1", "20.9.4", "20.12.4"]
"""The releases that take a name and a URL."""


@pytest.fixture
def vm(vm_of_release: Simulator) -> Simulator:
    return vm_of_release


@pytest.fixture
def after_login(vm: Simulator, calls: Callable[..., list[str]]) -> Callable[[], list[str]]:
    """What was received after login, release and token."""
    return lambda: calls(vm)[2 if vm.release.has_token else 3 :]


def urls(vm: Simulator) -> list[tuple[str, str | None]]:
    return [(image.version, image.url) for image in vm.images if image.url]


# -- list and find ---------------------------------------------------------------------------------------------------


def test_listing_is_one_call_and_gives_each_file(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    for name in ("b.bin", "a.bin"):
        vm.add_image(name, version="20.1")
    assert [image.file_name for image in repository.list_images()] == ["b.bin", "a.bin"]
    assert after_login() == [LIST]


def test_image_type_is_filtered_exactly_if_the_release_lists_it(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("a.bin")
    vm.add_image("b.bin", image_type="virtualmachine")
    found = [image.file_name for image in repository.list_images(image_type="software")]
    assert found == ([] if vm.release.six_fields else ["a.bin"])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"version": "20.1"}, ["a.bin"]),
        ({"version": "20.12"}, ["aa.bin", "b.bin"]),
        ({"version": "20"}, []),
        ({"version": " 20.1 "}, ["a.bin"]),
        ({"file_name": "a.bin"}, ["a.bin"]),
        ({"file_name": ".bin"}, []),
        ({"version": "20.12", "file_name": "b.bin"}, ["b.bin"]),
        ({"version": "20.1", "file_name": "b.bin"}, []),
    ],
)
def test_versions_and_names_are_found_exactly(
    wanted: dict[str, str], found: list[str], vm: Simulator, repository: SoftwareRepository
) -> None:
    for name, version in (("a.bin", "20.1"), ("aa.bin", "20.12"), ("b.bin", "20.12")):
        vm.add_image(name, version=version)
    assert [image.file_name for image in repository.find_images(**wanted)] == found


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({}, "version and file_name"),
        ({"version": ""}, "version"),
        ({"version": " "}, "version"),
        ({"version": "", "file_name": "a.bin"}, "version"),
        ({"version": 20.12}, "version"),  # a template rendered to native types
        ({"file_name": "\t"}, "file_name"),
    ],
)
def test_finding_without_a_name_is_an_error(
    wanted: dict[str, Any], field: str, vm: Simulator, repository: SoftwareRepository
) -> None:
    with pytest.raises(VManageConfigurationError, match=f"^{field} "):
        repository.find_images(**wanted)
    assert vm.requests == []


@pytest.mark.parametrize("fault", ["data_null", "data_missing", "data_wrong_type", "truncated_json", "empty_body"])
def test_broken_list_is_an_error_and_never_empty(fault: str, vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("a.bin")
    vm.faults.add(fault)
    with pytest.raises(VManageProtocolError):
        repository.list_images()


# -- add a URL -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", BY_URL)
def test_repository_url_is_added_between_two_list_calls(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    vm.add_image("vmanage-20.12-x86_64.tar.gz", version="20.12")  # of the same version, and no conflict
    change = repository.add_url(" 20.12 ", URL)

    assert urls(vm) == [("20.12", URL)]
    assert after_login() == [LIST, POST, LIST]
    assert vm.requests[-2].json == {"versionName": "20.12", "versionURL": URL}
    assert (change.action, change.image.version, change.image.url) == ("added", "20.12", URL)
    assert change.image.version_id == vm.images[-1].version_id


@pytest.mark.parametrize("release", ["20.18.2"])
def test_release_of_remote_servers_refuses_a_repository_url(vm: Simulator, repository: SoftwareRepository) -> None:
    with pytest.raises(VManageRejectedError, match="remoteServerId") as caught:
        repository.add_url("20.12", URL)
    assert (caught.value.code, caught.value.retryable) == ("SIM-IMAGE-URL-BODY", False)
    asked = len(vm.requests)
    with pytest.raises(VManageRejectedError, match="documented to know remote servers only") as caught:
        SoftwareRepository(repository.session, check_mode=True).add_url("20.12", URL)
    assert (caught.value.method, caught.value.path) == ("POST", "/dataservice/device/action/software")
    assert [one.method for one in vm.requests[asked:]] == ["GET"]


@pytest.mark.parametrize(
    ("there", "if_exists", "action"),
    [
        (URL, "skip", "unchanged"),
        (URL, "replace", "unchanged"),
        (URL, "fail", None),
        (OTHER, "skip", None),
        (OTHER, "fail", None),
        (OTHER, "replace", "replaced"),
        (URL.rstrip("/"), "skip", "unchanged"),
        ("HTTPS://Images.Example.com:443/20.12", "skip", "unchanged"),
        ("HTTPS://Images.Example.com:443/20.12", "replace", "unchanged"),
        ("https://images.example.com/20.12/?a=b", "skip", None),
        ("http://images.example.com/20.12/", "skip", None),
    ],
)
@pytest.mark.parametrize("release", BY_URL)
def test_existing_name_follows_if_exists(
    there: str,
    if_exists: str,
    action: str | None,
    vm: Simulator,
    repository: SoftwareRepository,
    after_login: Callable[[], list[str]],
) -> None:
    old = vm.add_image("", version="20.12", url=there)
    for similar in ("20.1", "20.12.1", "120.12"):
        vm.add_image("", version=similar, url=OTHER)
    if action is None:
        fix = "if_exists is 'fail'" if there == URL else "use another version_name, or if_exists='replace'"
        with pytest.raises(VManageConflictError) as caught:
            repository.add_url("20.12", URL, if_exists=if_exists)
        shown = there.replace("a=b", "***")
        assert caught.value.message == f"version_name '20.12' exists already with {shown}: {fix}"
        assert not caught.value.retryable
    else:
        assert repository.add_url("20.12", URL, if_exists=if_exists).action == action

    delete = f"DELETE device/action/software/{old.version_id}"
    assert after_login() == ([LIST, delete, LIST, POST, LIST] if action == "replaced" else [LIST])
    expected = URL if action == "replaced" else there
    assert sorted(urls(vm)) == [("120.12", OTHER), ("20.1", OTHER), ("20.12", expected), ("20.12.1", OTHER)]


@pytest.mark.parametrize("release", BY_URL)
def test_repository_url_in_another_spelling_is_confirmed(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    add = vm.repository.add_entry
    monkeypatch.setattr(
        vm.repository,
        "add_entry",
        lambda file_name, url, **fields: add(file_name, url=url.lower().rstrip("/"), **fields),
    )
    sent = "HTTPS://Images.Example.com/20.12/"
    change = repository.add_url("20.12", sent)
    assert (change.action, change.image.url) == ("added", "https://images.example.com/20.12")
    assert repository.add_url("20.12", sent).action == "unchanged"
    assert after_login() == [LIST, POST, LIST, LIST]
    assert vm.requests[-3].json["versionURL"] == sent


@pytest.mark.parametrize("version_type", ["vmanage", None])
@pytest.mark.parametrize("release", BY_URL)
def test_image_of_the_manager_is_never_a_repository_url(
    version_type: str | None, vm: Simulator, repository: SoftwareRepository
) -> None:
    record = {"versionId": "id-1", "versionName": "20.12", "availableFiles": "a.bin"}
    own = {"versionType": version_type} if version_type else {}
    vm.add_record({**record, **own, "versionURL": "https://vmanage.example.com/download/software/"})
    assert repository.add_url("20.12", URL, if_exists="replace").action == "added"
    assert {image.file_name for image in repository.list_images()} == {"a.bin", None}


ODD = {"versionId": "id-odd", "versionName": {"major": 20}, "availableFiles": "odd.bin", "versionType": "vmanage"}


def test_unreadable_record_is_logged_once_and_others_are_listed(
    vm: Simulator, repository: SoftwareRepository, caplog: pytest.LogCaptureFixture
) -> None:
    vm.add_image("a.bin", version="20.1")
    vm.add_image("b.bin", version="20.2")
    vm.add_record(ODD)
    again = SoftwareRepository(repository.session)
    for one in (repository, again):
        assert [image.file_name for image in one.list_images()] == ["a.bin", "b.bin", None]
    assert repository.find_images(file_name="odd.bin") == []
    assert repository.delete_image(version_id="id-odd").action == "unchanged"
    assert repository.delete_image(file_name="odd.bin").action == "unchanged"
    assert repository.delete_image(version="20.1").action == "deleted"
    warnings = [record.getMessage() for record in caplog.records if "could not be read" in record.getMessage()]
    assert len(warnings) == 1
    assert "its versionId is id-odd" in warnings[0]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"name": "error_4xx"}, VManageRejectedError),
        ({"name": "error_500"}, VManageRejectedError),
        ({"name": "forbidden"}, VManageRejectedError),
        ({"name": "http_429", "retry_after": 300}, VManageUnavailableError),
        ({"name": "expired_e", "times": 2}, VManageSessionExpiredError),
    ],
)
@pytest.mark.parametrize("release", BY_URL)
def test_refused_replacement_adds_the_old_url_again(
    fault: dict[str, Any], kind: type[VManageError], vm: Simulator, repository: SoftwareRepository
) -> None:
    vm.add_image("", version="20.12", url=OTHER)
    vm.faults.add(method="POST", path="device/action/software", **fault)
    with pytest.raises(kind, match=f"the old repository URL was added again: {OTHER}"):
        repository.add_url("20.12", URL, if_exists="replace")
    assert urls(vm) == [("20.12", OTHER)]


@pytest.mark.parametrize("release", ["20.12.4"])
def test_replacement_listed_despite_refusal_keeps_the_old_url_deleted(
    vm: Simulator, repository: SoftwareRepository
) -> None:
    vm.add_image("", version="20.12", url=OTHER)
    vm.faults.add("error_500", method="POST", path="device/action/software", done=True)
    text = f"the new repository URL is listed nevertheless, and the old one is deleted: {OTHER}"
    with pytest.raises(VManageRejectedError, match=f"Simulated failure; {text}"):
        repository.add_url("20.12", URL, if_exists="replace")
    assert urls(vm) == [("20.12", URL)]


@pytest.mark.parametrize("release", ["20.12.4"])
def test_old_url_that_cannot_be_added_again_is_reported(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("", version="20.12", url=SECRET_URL)
    vm.faults.add("error_4xx", method="POST", path="device/action/software", times=None)
    with pytest.raises(VManageRejectedError, match="could not be added again, add it yourself: https://") as caught:
        repository.add_url("20.12", URL, if_exists="replace")
    assert urls(vm) == []
    assert [secret for secret in SECRETS if secret in f"{caught.value} {caught.value!r}"] == []


@pytest.mark.parametrize("release", ["20.12.4"])
def test_replacement_of_unknown_outcome_succeeds_when_run_again(vm: Simulator, repository: SoftwareRepository) -> None:
    vm.add_image("", version="20.12", url=OTHER)
    vm.faults.add("http_502", method="POST", path="device/action/software")
    with pytest.raises(VManageOutcomeUnknownError, match="the old repository URL is deleted: ftp://") as caught:
        repository.add_url("20.12", URL, if_exists="replace")
    assert caught.value.retryable
    assert repository.add_url("20.12", URL, if_exists="replace").action == "added"
    assert urls(vm) == [("20.12", URL)]


@pytest.mark.parametrize("fault", ["reply_lost", "empty_body", "slow"])
@pytest.mark.parametrize("release", BY_URL)
def test_repository_url_is_added_once_if_the_response_is_lost(
    fault: str, vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    options = {"delay": 0.01} if fault == "slow" else {}
    vm.faults.add(fault, method="POST", path="device/action/software", **options)
    assert repository.add_url("20.12", URL).action == "added"
    assert after_login() == [LIST, POST, LIST]
    assert len(vm.images) == 1


@pytest.mark.parametrize(("done", "posts", "seconds"), [(True, 1, 0), (False, 2, 5)])
@pytest.mark.parametrize("release", BY_URL)
def test_page_in_place_of_the_response_adds_no_second_url(
    vm: Simulator,
    repository: SoftwareRepository,
    after_login: Callable[[], list[str]],
    recorded_sleeps: list[float],
    *,
    done: bool,
    posts: int,
    seconds: float,
) -> None:
    vm.repository.reject_duplicates = False
    vm.faults.add("html_200", method="POST", path="device/action/software", done=done)
    assert repository.add_url("20.12", URL).action == "added"
    assert urls(vm) == [("20.12", URL)]
    assert after_login().count(POST) == posts
    assert sum(recorded_sleeps) == seconds  # absent is believed after 5 s


@pytest.mark.parametrize("release", BY_URL)
def test_second_page_in_place_of_the_response_ends_the_sending(
    vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]], recorded_sleeps: list[float]
) -> None:
    vm.faults.add("html_200", times=2, method="POST", path="device/action/software")
    with pytest.raises(VManageOutcomeUnknownError, match=r"is not listed 60 s after the change was sent"):
        repository.add_url("20.12", URL)
    assert after_login().count(POST) == 2
    assert sum(recorded_sleeps) == 5 + 60


@pytest.mark.parametrize("release", ["20.12.4"])
def test_list_without_a_readable_record_is_an_error(vm: Simulator, repository: SoftwareRepository) -> None:
    for number in (1, 2):
        vm.add_record({"versionId": f"id-{number}", "availableFiles": 7})
    with pytest.raises(VManageProtocolError, match=r"availableFiles .* is int") as caught:
        repository.list_images()
    where = (caught.value.method, caught.value.path, caught.value.status)
    assert where == ("GET", "/dataservice/device/action/software", 200)


@pytest.mark.parametrize("fault", ["reset_before", "http_502", "http_500", "html_200"])
@pytest.mark.parametrize("release", BY_URL)
def test_repository_url_that_stays_unlisted_is_an_unknown_outcome(
    fault: str, vm: Simulator, repository: SoftwareRepository, after_login: Callable[[], list[str]]
) -> None:
    for name, url in (("20.12.1", URL), ("20.1", OTHER)):  # which do not stand for it
        vm.add_image("", version=name, url=url)
    vm.faults.add(fault, method="POST", path="device/action/software")
    if fault == "html_200":  # the session is renewed, and the repository URL sent in the new one
        assert repository.add_url("20.12", URL).action == "added"
        return
    with pytest.raises(VManageOutcomeUnknownError, match="is not listed") as caught:
        repository.add_url("20.12", URL)
    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, VManageOutcomeUnknownError)
    assert after_login().count(POST) == 1


SECRETS = ("joe", "hunter2", "signed-123", "part-456")
SECRET_URL = "https://joe:hunter2@images.example.com/20.12/?sig=signed-123#part-456"


@pytest.mark.parametrize("release", ["20.12.4"])
@pytest.mark.parametrize("trouble", ["conflict", "lost", "scheme", "none"])
def test_secrets_in_a_url_reach_neither_log_nor_error(
    trouble: str, vm: Simulator, repository: SoftwareRepository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="airflow_provider_vmanage")
    shown_text = ""
    if trouble == "conflict":
        vm.add_image("", version="20.12", url=SECRET_URL)
    elif trouble == "lost":
        vm.faults.add("http_502", method="POST", path="device/action/software")
    url = {"conflict": URL, "scheme": SECRET_URL.replace("https", "gopher")}.get(trouble, SECRET_URL)
    try:
        repository.add_url("20.12", url)
    except VManageError as err:
        shown_text = f"{err} {err.fields} {err.__cause__}"
    assert bool(shown_text) == (trouble != "none")
    assert [secret for secret in SECRETS if secret in shown_text + caplog.text] == []


# -- confirm ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["20.12.4"])
def test_wait_lists_less_often_and_once_more_at_the_end(
    repository: SoftwareRepository, recorded_sleeps: list[float]
) -> None:
    calls_at: list[float] = []
    assert repository.changes.wait_for(lambda: calls_at.append(sum(recorded_sleeps)), 60) is None  # type: ignore[func-returns-value]
    assert calls_at[0] == 0
    assert calls_at[-1] == sum(recorded_sleeps) == 60
    assert recorded_sleeps[:5] == [1.0, 1.5, 2.25, 3.375, 5.0625]
    assert max(recorded_sleeps) == 10


@pytest.mark.parametrize("release", ["20.12.4"])
@pytest.mark.parametrize(
    "error",
    [VManageUnavailableError("unavailable"), VManageProtocolError("a page"), VManageRejectedError("busy", status=500)],
)
def test_wait_survives_a_busy_manager_unless_it_stays_busy(
    error: VManageError, repository: SoftwareRepository, recorded_sleeps: list[float]
) -> None:
    results = iter((error, None, error, "found"))

    def find() -> Any:
        result = next(results, error)
        if isinstance(result, VManageError):
            raise result
        return result

    assert repository.changes.wait_for(find, 60) == "found"
    with pytest.raises(type(error)):
        repository.changes.wait_for(find, 60)
    assert recorded_sleeps[-1] <= 10


@pytest.mark.parametrize("release", ["20.12.4"])
def test_wait_stops_at_once_if_the_list_is_refused(
    repository: SoftwareRepository, recorded_sleeps: list[float]
) -> None:
    def find() -> Any:
        raise VManageRejectedError("no role")

    with pytest.raises(VManageRejectedError):
        repository.changes.wait_for(find, 60)
    assert recorded_sleeps == []


def test_change_becomes_one_flat_row_of_plain_types() -> None:
    image = SoftwareImage(
        version="20.12", record_id="id", file_name="a.bin", platform_family=("c8000v",), updated_on=1653647407050
    )
    row = Change("uploaded", image, 5, "ab").as_row()
    assert list(row) == [
        *("action", "changed", "version", "version_id", "file_name", "image_type", "version_type"),
        *("platform_family", "updated_on", "size", "sha512", "verified", "applied"),
    ]
    assert json.loads(json.dumps(row)) == row
    assert (row["changed"], row["platform_family"], row["updated_on"]) == (True, ["c8000v"], 1653647407050)
    assert Change("unchanged", image).as_row()["changed"] is False
