"""An upload where nothing breaks: what is decided before a byte is sent, what is sent, what is returned."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable
from typing import IO

import pytest

from airflow_provider_vmanage.client.errors import (
    VManageChecksumError,
    VManageConfigurationError,
    VManageConflictError,
    VManageOutcomeUnknownError,
    VManageSourceError,
)
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.checksums import Checksum
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.simulator.software_repository import upload as simulator_upload
from tests.client.internals import make_older

NAME = "vmanage-20.15.1-x86_64.tar.gz"
PACKAGE = "POST device/action/software/package"
LIST = "GET device/action/software"
READY = "GET client/server/ready"


@pytest.fixture
def vm(vm_of_release: Simulator) -> Simulator:
    return vm_of_release


def sha512_of(content: bytes) -> str:
    return hashlib.sha512(content).hexdigest()


def never() -> IO[bytes]:
    raise AssertionError("the source was opened")


def login_of(vm: Simulator) -> list[str]:
    """The first requests of a session: before 19.2 there is no token, so it is requested twice."""
    token = [] if vm.release.has_token else ["GET client/token"]
    return ["POST /j_security_check", "GET client/server", *token]


def test_upload_is_login_list_transfer_list_logout(
    vm: Simulator,
    image: bytes,
    upload: Callable[..., ImageUpload],
    repository: SoftwareRepository,
    calls: Callable[..., list[str]],
) -> None:
    change = upload(NAME).run()
    repository.session.close()

    assert calls(vm) == [*login_of(vm), LIST, PACKAGE, LIST, f"{vm.release.logout_verb} /logout"]
    assert [image.sha512 for image in vm.images] == [sha512_of(image)]
    assert (change.action, change.size, change.sha512) == ("uploaded", len(image), sha512_of(image))
    assert (change.image.file_name, change.image.version) == (NAME, "20.15.1")
    assert change.image.version_id == vm.images[0].version_id


def test_transfer_has_a_length_and_the_documented_form(
    vm: Simulator, image: bytes, upload: Callable[..., ImageUpload]
) -> None:
    upload(NAME).run()
    (sent,) = [one for one in vm.requests if one.path.endswith("/package")]
    assert int(sent.headers["content-length"]) == sent.body_bytes > len(image)
    assert "transfer-encoding" not in sent.headers
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert ("x-xsrf-token" in sent.headers) == vm.release.has_token


@pytest.mark.parametrize("if_exists", ["skip", "fail"])
def test_exact_name_decides_before_a_byte_is_read(
    if_exists: str, vm: Simulator, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    there = vm.add_image(NAME, content=b"another content")
    one = upload(NAME, opener=never, if_exists=if_exists)

    if if_exists == "skip":
        change = one.run()
        assert (change.action, change.image.version_id) == ("unchanged", there.version_id)
        assert (change.size, change.sha512) == (None, None)
    else:
        with pytest.raises(VManageConflictError, match="is there already") as caught:
            one.run()
        assert not caught.value.retryable
    assert calls(vm) == [*login_of(vm), LIST]


@pytest.mark.parametrize("other", ["a" + NAME, NAME[1:], NAME + ".gz", NAME.upper(), NAME.replace(".", "x")])
def test_name_that_is_only_similar_does_not_count(
    other: str, vm: Simulator, upload: Callable[..., ImageUpload]
) -> None:
    vm.add_image(other)
    assert upload(NAME, if_exists="fail").run().action == "uploaded"
    assert [image.file_name for image in vm.images] == [other, NAME]


def test_name_under_which_a_file_was_uploaded_counts_too(vm: Simulator, upload: Callable[..., ImageUpload]) -> None:
    record = {"versionId": "id", "versionName": "20.15.1", "availableFiles": "[canonical.bin]"}
    vm.add_record({**record, "fileNameMap": f"{{canonical.bin={NAME}}}"})
    assert upload(NAME, opener=never).run().action == "unchanged"


def test_running_it_twice_uploads_once(
    vm: Simulator, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    assert [upload(NAME).run().action for _ in range(2)] == ["uploaded", "unchanged"]
    assert calls(vm).count(PACKAGE) == len(vm.images) == 1


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
def test_right_checksum_lets_the_image_through(
    algorithm: str, vm: Simulator, image: bytes, upload: Callable[..., ImageUpload]
) -> None:
    checksum = Checksum(algorithm, hashlib.new(algorithm, image).hexdigest())
    assert upload(NAME, checksum=checksum).run().action == "uploaded"
    assert vm.images[0].sha512 == sha512_of(image)


@pytest.mark.parametrize("algorithm", ["sha512", "sha256", "md5"])
def test_wrong_checksum_leaves_no_image_behind(
    algorithm: str, vm: Simulator, image: bytes, upload: Callable[..., ImageUpload], repository: SoftwareRepository
) -> None:
    checksum = Checksum(algorithm, hashlib.new(algorithm, b"something else").hexdigest())
    with pytest.raises(VManageChecksumError, match="Nothing was stored on the manager") as caught:
        upload(NAME, checksum=checksum).run()
    repository.session.close()
    vm.stop()  # it has noticed by now that the transfer is over

    assert not caught.value.retryable
    assert vm.images == []
    assert list((vm.storage / "incoming").iterdir()) == []
    (sent,) = [one for one in vm.requests if one.path.endswith("/package")]
    assert sent.body_bytes < len(image)
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize(("age", "logins"), [(590, 1), (610, 2)])
def test_session_of_ten_minutes_is_renewed_before_the_transfer(
    age: int,
    logins: int,
    vm: Simulator,
    upload: Callable[..., ImageUpload],
    repository: SoftwareRepository,
    calls: Callable[..., list[str]],
) -> None:
    _ = repository.session.server
    make_older(repository.session, age)
    assert upload(NAME).run().action == "uploaded"

    assert vm.counters.logins == logins
    again = [f"{vm.release.logout_verb} /logout", READY, *login_of(vm)] if logins == 2 else []
    assert calls(vm) == [*login_of(vm), LIST, *again, PACKAGE, LIST]


def test_session_that_ages_while_the_source_is_read_is_renewed(
    vm: Simulator,
    image: bytes,
    upload: Callable[..., ImageUpload],
    repository: SoftwareRepository,
    calls: Callable[..., list[str]],
) -> None:
    """The check of the new image before the old one is deleted may take longer than a session lives."""
    vm.add_image(NAME)

    def open_late() -> IO[bytes]:
        make_older(repository.session, 610)
        return io.BytesIO(image)

    one = upload(
        NAME, opener=open_late, if_exists="replace", checksum=Checksum("sha512", sha512_of(image)), allow_in_use=True
    )
    assert one.run().action == "replaced"

    received = calls(vm)
    logout = f"{vm.release.logout_verb} /logout"
    assert received.index(logout) < next(at for at, call in enumerate(received) if call.startswith("DELETE"))
    assert received.index(logout) < received.index(PACKAGE)


@pytest.mark.parametrize("shown_after", [1, 3])
def test_image_that_is_listed_late_is_waited_for(
    shown_after: int, vm: Simulator, upload: Callable[..., ImageUpload], recorded_sleeps: list[float]
) -> None:
    vm.faults.add("late_listing", lists=shown_after)
    change = upload(NAME, listing_timeout=60).run()
    assert (change.action, change.image.file_name) == ("uploaded", NAME)
    assert len(recorded_sleeps) == shown_after
    assert recorded_sleeps == sorted(recorded_sleeps)
    assert recorded_sleeps[0] == 1.0


def test_image_that_is_never_listed_is_not_sent_again(
    vm: Simulator, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    vm.faults.add("never_listing")
    with pytest.raises(VManageOutcomeUnknownError, match=r"accepted but is not listed after 0\.05 s") as caught:
        upload(NAME).run()
    assert caught.value.retryable
    assert "listing_timeout" in caught.value.message
    assert calls(vm).count(PACKAGE) == 1


@pytest.mark.parametrize("name", ["a b.bin", "a'b;c.bin", "größe-日本.bin", "a%22b.bin", "a=b&c.bin", "[a].bin"])
def test_odd_name_arrives_exactly_or_not_at_all(name: str, vm: Simulator, upload: Callable[..., ImageUpload]) -> None:
    if "[" in name:
        with pytest.raises(VManageConfigurationError, match="file_name"):
            upload(name)
        return
    assert upload(name).run().image.file_name == name
    assert [image.file_name for image in vm.images] == [name]
    assert upload(name).run().action == "unchanged"


@pytest.mark.parametrize("stored", ['a"2.bin', "a%222.bin"])
def test_quote_in_a_name_is_found_in_either_spelling(
    stored: str, vm: Simulator, upload: Callable[..., ImageUpload]
) -> None:
    assert upload('a"1.bin').run().image.file_name == "a%221.bin"
    vm.add_image(stored)
    assert upload('a"2.bin').run().action == "unchanged"


@pytest.mark.parametrize("name", ["größe-日本.bin", 'ä"1.bin'])
def test_name_shown_as_latin_1_is_found(
    name: str, vm: Simulator, upload: Callable[..., ImageUpload], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = name.replace('"', "%22").encode().decode("latin-1")
    monkeypatch.setattr(simulator_upload, "decoded_name", lambda name: name)  # it reads the header as Latin-1
    monkeypatch.setattr(simulator_upload, "safe_file_name", lambda name: name)
    change = upload(name).run()
    assert (change.action, change.image.file_name) == ("uploaded", shown)
    assert upload(name).run().action == "unchanged"


@pytest.mark.slow
@pytest.mark.parametrize("remote", [{}, {"remoteServerId": "id-of-a-server"}])
def test_image_on_a_remote_server_does_not_count(
    remote: dict[str, str], vm: Simulator, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    record = {"versionId": "id-remote", "versionName": "--", "versionType": "remote", "availableFiles": NAME}
    vm.add_record({**record, **remote, "versionURL": "http://<VMANAGE_HOST>:8080/software/package/"})
    assert upload(NAME, if_exists="replace").run().action == "uploaded"
    assert upload(NAME).run().action == "unchanged"
    assert upload(NAME, if_exists="replace").run().action == "replaced"
    assert "DELETE device/action/software/id-remote" not in calls(vm)


def test_image_of_the_manager_without_a_version_type_counts(vm: Simulator, upload: Callable[..., ImageUpload]) -> None:
    vm.add_record({"versionId": "id-1", "versionName": "20.12", "availableFiles": NAME})
    assert upload(NAME).run().action == "unchanged"


@pytest.mark.parametrize("more", [-1, 1])
def test_source_of_changed_length_leaves_no_image(
    more: int, vm: Simulator, image: bytes, upload: Callable[..., ImageUpload], calls: Callable[..., list[str]]
) -> None:
    with pytest.raises(VManageSourceError, match="changed while it was read") as caught:
        upload(NAME, size=len(image) + more).run()
    assert caught.value.retryable
    deadline = time.monotonic() + 20
    while PACKAGE not in calls(vm) and time.monotonic() < deadline:  # the manager may be slower than what broke off
        time.sleep(0.01)
    assert calls(vm).count(PACKAGE) == 1
    assert vm.images == []
