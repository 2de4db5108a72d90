"""Remote servers and the images on them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageConflictError,
    VManageInUseError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
)
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.software_repository import (
    AddRemoteImageOperator,
    AddRepoOperator,
    DeleteImageOperator,
    RemoteServerOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.software_repository import remote_servers as remote_server_pages
from tests.recorded_time import RecordedTime

SERVERS = "device/action/remote-server"
FILES: dict[str, Any] = {"name": "files", "url": "10.0.0.1", "protocol": "SCP", "user": "joe"}


@pytest.fixture
def vm(connect: Callable[..., None]) -> Any:
    with Simulator(version="20.18.2") as manager:
        connect(manager)
        yield manager


@pytest.fixture
def server(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **options: run(RemoteServerOperator(task_id="t", **{**FILES, **options}))


@pytest.fixture
def image(run: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **options: run(
        AddRemoteImageOperator(task_id="t", **{"remote_server": "files", "file_name": "isr-17.12.4.bin", **options})
    )


def known(vm: Simulator) -> list[dict[str, Any]]:
    return vm.remote_servers


def writes(vm: Simulator) -> list[str]:
    return [one.method for one in vm.requests if one.method != "GET" and "/action/" in one.path]


def test_remote_server_is_created_once(vm: Simulator, server: Callable[..., Any]) -> None:
    row = server(password="hunter2")
    assert json.loads(json.dumps(row)) == row
    assert (row["action"], row["changed"], row["applied"]) == ("added", True, True)
    assert (row["port"], row["vpn"], row["location_prefix"], row["protocol"]) == (22, 0, "/", "SCP")
    assert "hunter2" not in json.dumps(row)
    (record,) = known(vm)
    assert record["remoteServerPassword"] == "hunter2"
    assert row["remote_server_id"] == record["remoteServerId"]
    again = server(password="hunter2")
    assert (again["action"], again["changed"]) == ("unchanged", False)
    assert writes(vm) == ["POST"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "10.0.0.2"),
        ("protocol", "http"),
        ("port", 2222),
        ("vpn", "512"),
        ("user", "ann"),
        ("location_prefix", "/i"),
    ],
)
def test_what_differs_is_updated_and_named(vm: Simulator, server: Callable[..., Any], field: str, value: Any) -> None:
    first = server(password="hunter2", port=2200)
    row = server(**{"port": 2200, "password": "hunter3", field: value})
    assert (row["action"], row["differs"], row["remote_server_id"]) == ("updated", [field], first["remote_server_id"])
    (record,) = known(vm)
    assert record["remoteServerPassword"] == "hunter3"  # an update without one might lose it
    assert server(**{"port": 2200, "password": "hunter3", field: value})["action"] == "unchanged"


def test_port_and_vpn_shown_as_text_are_the_same_numbers(vm: Simulator, server: Callable[..., Any]) -> None:
    server()
    known(vm)[0].update(remoteServerPort="22", remoteServerVPN="0", remoteServerProtocol="scp")
    assert server()["action"] == "unchanged"


@pytest.mark.parametrize(("protocol", "port"), [("https", 443), ("SFTP", 22), ("Tftp", 69)])
def test_protocols_of_the_ansible_collection_are_sent_with_their_port(
    vm: Simulator, server: Callable[..., Any], protocol: str, port: int
) -> None:
    row = server(protocol=protocol)
    assert (row["action"], row["protocol"], row["port"]) == ("added", protocol.upper(), port)
    assert (known(vm)[0]["remoteServerProtocol"], known(vm)[0]["remoteServerPort"]) == (protocol.upper(), port)


@pytest.mark.parametrize(
    ("sent", "shown"), [("/images", "/images/"), ("/images/", "/images"), ("/", ""), ("/", None), ("/a/b/", "/a/b")]
)
def test_host_and_prefix_in_another_spelling_are_the_same(
    vm: Simulator,
    server: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    sent: str,
    shown: str | None,
) -> None:
    show = remote_server_pages.shown_record
    spelt = {"remoteServerUrl": "images.example.com", "imageLocationPrefix": shown}
    monkeypatch.setattr(remote_server_pages, "shown_record", lambda server: {**show(server), **spelt})
    wanted = {"url": "Images.Example.COM", "location_prefix": sent}
    assert server(**wanted)["action"] == "added"
    assert (known(vm)[0]["remoteServerUrl"], known(vm)[0]["imageLocationPrefix"]) == ("Images.Example.COM", sent)
    assert server(**wanted)["action"] == "unchanged"
    assert server(**{**wanted, "location_prefix": "/other"}, check_mode=True)["differs"] == ["location_prefix"]
    assert writes(vm) == ["POST"]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("change", [{"port": 99}, {"password": "hunter3", "update_password": "always"}])
def test_server_that_images_refer_to_is_not_updated(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any], change: dict[str, Any], *, check_mode: bool
) -> None:
    server()
    image()
    field = next(iter(change))
    text = rf"'files' .* may hold, 1 images .* cannot be updated \({field}\); .*allow_in_use .*: isr-17\.12\.4\.bin"
    with pytest.raises(VManageFailException, match=text) as caught:
        server(**change, check_mode=check_mode)
    assert isinstance(caught.value.error, VManageInUseError)
    assert writes(vm) == ["POST", "POST"]
    assert server(check_mode=check_mode)["action"] == "unchanged"


def test_refused_update_carries_the_message_of_the_manager(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any]
) -> None:
    server()
    image()
    assert server(port=99, allow_in_use="yes", check_mode=True)["action"] == "updated"
    with pytest.raises(VManageFailException, match=r"Failed to update remote server.*Images refer to") as caught:
        server(port=99, allow_in_use=True)
    assert isinstance(caught.value.error, VManageRejectedError)
    assert known(vm)[0]["remoteServerPort"] == 22


def test_password_is_sent_on_creation_or_always(vm: Simulator, server: Callable[..., Any]) -> None:
    server(password="hunter2")
    assert server(password="hunter3")["changed"] is False
    row = server(password="hunter3", update_password="always")
    assert (row["action"], row["differs"]) == ("updated", ["password"])
    assert known(vm)[0]["remoteServerPassword"] == "hunter3"


def test_password_may_come_from_a_connection_and_is_masked(
    vm: Simulator, server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, redact: Callable[[str], str]
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FILES", json.dumps({"conn_type": "ssh", "password": "hunter2-files"}))
    server(password_conn_id="files")
    assert known(vm)[0]["remoteServerPassword"] == "hunter2-files"
    assert redact("it is hunter2-files") == "it is ***"
    RemoteServerOperator(task_id="t2", name="x", password="hunter3-literal")
    assert redact("it is hunter3-literal") == "it is ***"


def test_login_password_and_folder_of_digits_are_text(vm: Simulator, server: Callable[..., Any]) -> None:
    server(user=4711, password=12345678, location_prefix=2026)  # as a DAG with native objects renders them
    sent = [known(vm)[0][name] for name in ("remoteServerUser", "remoteServerPassword", "imageLocationPrefix")]
    assert sent == ["4711", "12345678", "2026"]


@pytest.mark.slow
def test_server_is_deleted_only_if_no_image_refers_to_it(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any], run: Callable[..., Any]
) -> None:
    server()
    for number in range(11):
        image(file_name=f"isr-17.12.{number}.bin")
    for check_mode in (True, False):
        with pytest.raises(VManageFailException, match=r"'files' .* 11 images .*isr-17\.12\.9\.bin.* and 1 more"):
            server(state="absent", check_mode=check_mode)
    assert len(known(vm)) == 1
    for number in range(11):
        run(DeleteImageOperator(task_id="t", file_name=f"isr-17.12.{number}.bin"))
    assert server(state="absent", check_mode=True)["action"] == "deleted"
    assert len(known(vm)) == 1
    assert server(state="absent")["action"] == "deleted"
    assert server(state="absent")["action"] == "unchanged"
    assert known(vm) == []


@pytest.mark.slow
@pytest.mark.parametrize("version_type", ["remote", "remote-files"])
@pytest.mark.parametrize("change", [{"state": "absent"}, {"port": 99}])
def test_server_that_an_image_may_be_on_stays(
    vm: Simulator, server: Callable[..., Any], change: dict[str, Any], version_type: str
) -> None:
    server()
    vm.add_record({"versionId": "id-1", "versionType": version_type, "availableFiles": "isr-17.12.4.bin"})
    with pytest.raises(VManageFailException, match=rf"may hold, 1 images .*isr-17.* with versionType '{version_type}'"):
        server(**change)
    assert writes(vm) == ["POST"]


def test_image_on_a_remote_server_is_added_once(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any]
) -> None:
    row = server()
    would = image(check_mode=True)
    assert (would["action"], would["applied"], vm.images) == ("added", False, [])
    added = image(platform_family="isr4300")
    assert (added["action"], added["file_name"], added["platform_family"]) == ("added", "isr-17.12.4.bin", ["isr4300"])
    assert image()["action"] == "unchanged"
    assert image(remote_server=row["remote_server_id"])["action"] == "unchanged"
    assert len(vm.images) == 1


@pytest.mark.slow
def test_image_on_a_remote_server_is_not_on_the_manager(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any], run: Callable[..., Any], tmp_path: Path
) -> None:
    server()
    image()
    source = tmp_path / "isr-17.12.4.bin"
    source.write_bytes(b"an image")
    for check_mode in (True, False):
        row = run(UploadImageOperator(task_id="t", source=str(source), check_mode=check_mode))
        assert (row["action"], row["size"], row["applied"]) == ("uploaded", 8, not check_mode)
    assert run(UploadImageOperator(task_id="t", source=str(source)))["action"] == "unchanged"


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("version_type", ["remote", "another-server", "files-and-more"])
def test_image_on_an_unknown_server_is_refused_with_a_hint(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any], version_type: str, *, check_mode: bool
) -> None:
    server()
    vm.add_record({"versionId": "id-1", "versionType": version_type, "availableFiles": "isr-17.12.4.bin"})
    text = rf"the manager does not show on which \(.*id id-1.*{version_type}.*delete the image by its version_id"
    with pytest.raises(VManageFailException, match=text) as caught:
        image(check_mode=check_mode)
    assert isinstance(caught.value.error, VManageConflictError)
    assert writes(vm) == ["POST"]


@pytest.mark.parametrize("record", [{}, {"versionType": "vmanage"}, {"versionType": "mirror"}, {"remoteServerId": "2"}])
def test_image_on_another_known_server_is_added(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any], record: dict[str, str]
) -> None:
    server()
    server(name="mirror")
    vm.add_record({"versionId": "id-1", "availableFiles": "isr-17.12.4.bin", **record})
    assert image()["action"] == "added"
    assert image()["action"] == "unchanged"


def test_manager_that_shows_no_remote_server_gets_an_image_once(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    server()
    add = vm.repository.add_entry
    monkeypatch.setattr(
        vm.repository,
        "add_entry",
        lambda name, **fields: add(name, **{**fields, "version_type": "remote", "remote_server_id": None}),
    )
    assert image()["action"] == "added"
    with pytest.raises(VManageFailException, match="does not show on which"):
        image()
    assert len(vm.images) == 1


def test_password_of_a_missing_connection_is_not_retried(vm: Simulator, server: Callable[..., Any]) -> None:
    with pytest.raises(VManageFailException, match=r"Connection 'missing' does not exist .*create it"):
        server(password_conn_id="missing")


def test_image_on_a_missing_server_names_the_existing_ones(
    vm: Simulator, server: Callable[..., Any], image: Callable[..., Any]
) -> None:
    server()
    with pytest.raises(VManageFailException, match=r"remote_server 'gone' is not known .*\(known: files\)"):
        image(remote_server="gone")


@pytest.mark.parametrize("fault", ["reply_lost", "short_body"])
def test_lost_response_is_settled_by_the_list(vm: Simulator, server: Callable[..., Any], fault: str) -> None:
    vm.faults.add(fault, path=SERVERS, method="POST")
    assert server()["action"] == "added"
    assert len(known(vm)) == 1


@pytest.mark.parametrize("done", [True, False])
def test_page_in_place_of_the_response_adds_no_second_server(
    vm: Simulator,
    run: Callable[..., Any],
    recorded_time: RecordedTime,
    *,
    done: bool,
) -> None:
    vm.faults.add("html_200", path=SERVERS, method="POST", done=done)
    task = RemoteServerOperator(task_id="t", **FILES)
    task.hook = VManageHook(clock=recorded_time)
    assert run(task)["action"] == "added"
    assert len(known(vm)) == 1
    assert sum(one.method == "POST" and one.path.endswith(SERVERS) for one in vm.requests) == (1 if done else 2)


def test_lost_response_to_a_new_password_stays_unknown(vm: Simulator, server: Callable[..., Any]) -> None:
    server(password="hunter2")
    vm.faults.add("reply_lost", path=f"{SERVERS}/*", method="PUT")
    with pytest.raises(VManageOutcomeUnknownError):
        server(password="hunter3", update_password="always")


@pytest.mark.parametrize("release", ["16.3.1"])
def test_release_without_remote_servers_names_the_operator_to_use(
    vm_of_release: Simulator, connect: Callable[..., None], server: Callable[..., Any], image: Callable[..., Any]
) -> None:
    connect(vm_of_release)
    for task in (server, image):
        with pytest.raises(VManageFailException, match="may not know remote servers yet: use AddRepoOperator instead"):
            task()


@pytest.mark.parametrize("check_mode", [False, True])
def test_release_of_remote_servers_names_the_operator_to_use(
    vm: Simulator, run: Callable[..., Any], *, check_mode: bool
) -> None:
    task = AddRepoOperator(task_id="t", version_name="1", version_url="https://x.example.com/", check_mode=check_mode)
    with pytest.raises(VManageFailException, match="use RemoteServerOperator and AddRemoteImageOperator"):
        run(task)
    assert vm.images == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"name": " "}, "name is ' ': give"),
        ({"url": None}, "url is None: give"),
        ({"url": "https://10.0.0.1"}, "url is 'https://10.0.0.1': give the server's name or address alone"),
        ({"url": "joe:hunter2@10.0.0.1"}, r"url is '\*\*\*': give the server's name"),
        ({"protocol": "gopher"}, "protocol is 'gopher': use one of FTP, HTTP, SCP, HTTPS, SFTP, TFTP"),
        ({"allow_in_use": "perhaps"}, "allow_in_use is 'perhaps': use true or false"),
        ({"port": 0}, "port is 0: use a number from 1 to 65535"),
        ({"port": "x"}, "port is 'x': use a number"),
        ({"vpn": 65528}, "vpn is 65528: use a number from 0 to 65527"),
        ({"state": "gone"}, "state is 'gone': use one of present, absent"),
        ({"update_password": "never"}, "update_password is 'never': use one of on_create, always"),
        ({"password": "a", "password_conn_id": "b"}, "password and password_conn_id given: give at most one"),
    ],
)
def test_bad_input_is_refused_unsent(
    vm: Simulator, server: Callable[..., Any], options: dict[str, Any], text: str
) -> None:
    with pytest.raises(VManageFailException, match=f"^{text}") as caught:
        server(**options)
    assert "hunter2" not in str(caught.value)
    assert vm.requests == []


def test_password_is_masked_in_its_url_encoded_form_too(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], redact: Callable[[str], str]
) -> None:
    connect(vm)
    given = {"name": "files", "url": "10.0.0.1", "user": "images", "password": "p@ss/word-1"}
    run(RemoteServerOperator(task_id="t", **given, check_mode=True))  # which sends nothing that the session would mask
    assert redact("of p@ss/word-1 and p%40ss%2Fword-1") == "of *** and ***"
