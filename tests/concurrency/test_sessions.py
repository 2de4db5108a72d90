"""Many sessions on one manager that keeps few of them: no task is locked out, and nothing is left behind."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from airflow_provider_vmanage.client import changes
from airflow_provider_vmanage.client.errors import VManageError, VManageSessionExpiredError
from airflow_provider_vmanage.client.software_repository import SoftwareRepository
from airflow_provider_vmanage.client.upload.image_upload import ImageUpload
from airflow_provider_vmanage.client.upload.sources import ImageSource
from airflow_provider_vmanage.simulator import Simulator

RepositoryOf = Callable[[Simulator], SoftwareRepository]
AtOnce = Callable[..., list[Any]]

IMAGE = b"an image, complete and right. " * 10_000


def upload(repository: SoftwareRepository, name: str) -> str:
    source = ImageSource(name, len(IMAGE), lambda: io.BytesIO(IMAGE))
    return ImageUpload(repository, source, name, listing_timeout=0.5).run().action


def a_task(repository: SoftwareRepository, name: str, meet: Callable[[], Any] = lambda: None) -> list[str]:
    """Lists, uploads an image and deletes it, in one session."""
    with repository.session as session:
        _ = session.server
        meet()
        there = [image.file_name for image in repository.list_images()]
        assert there.count("there-1.bin") == 1
        return [upload(repository, name), repository.delete_image(file_name=name).action]


def test_twenty_tasks_share_a_manager_that_keeps_twenty_sessions(
    simulate: Callable[..., Simulator], repository_of: RepositoryOf, at_once: AtOnce
) -> None:
    vm = simulate(max_sessions=20)
    vm.add_image("there-1.bin")
    opened: list[int] = []
    all_open = threading.Barrier(20, lambda: opened.append(vm.counters.open_sessions))

    def task(number: int) -> Callable[[], Any]:
        return lambda: a_task(repository_of(vm), f"image-1.1.{number}.bin", lambda: all_open.wait(30))

    assert at_once(*map(task, range(20))) == [["uploaded", "deleted"]] * 20
    assert opened == [20]
    counters = vm.counters
    assert (counters.logins, counters.logouts, counters.open_sessions) == (20, 20, 0)
    # in, server; list; list, POST, list; list, 3 of devices, tasks, DELETE, list; out
    assert counters.requests == 20 * 14
    assert [image.file_name for image in vm.images] == ["there-1.bin"]


def test_more_tasks_than_sessions_succeed_or_can_be_retried(
    simulate: Callable[..., Simulator],
    repository_of: RepositoryOf,
    at_once: AtOnce,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "CONFIRM_TIMEOUT_S", 0.5)
    vm = simulate(max_sessions=8, duplicates="second_copy")
    vm.add_image("there-1.bin")

    def task(number: int) -> Callable[[], Any]:
        return lambda: a_task(repository_of(vm), f"image-1.1.{number}.bin")

    left = list(range(16))
    for _ in range(10):  # what Airflow's retries do
        results = dict(zip(left, at_once(*map(task, left)), strict=True))
        failed = {number: err for number, err in results.items() if isinstance(err, VManageError)}
        assert [err for err in failed.values() if not err.retryable] == []
        assert [done[1] for number, done in results.items() if number not in failed] == ["deleted"] * (
            len(left) - len(failed)
        )
        left = list(failed)
        if not left:
            break
    assert left == []
    assert [image.file_name for image in vm.images] == ["there-1.bin"]
    assert vm.counters.refused_logins == 0
    assert vm.counters.open_sessions == 0


def test_tasks_that_evict_each_other_go_on_call_by_call(
    simulate: Callable[..., Simulator], repository_of: RepositoryOf
) -> None:
    vm = simulate(max_sessions=1)
    one, other = repository_of(vm), repository_of(vm)
    for _ in range(3):
        assert one.list_images() == []
        assert other.list_images() == []
    one.session.close()
    other.session.close()
    assert (vm.counters.logins, vm.counters.open_sessions) == (6, 0)


def test_task_that_is_always_evicted_says_so_and_is_retryable(
    simulate: Callable[..., Simulator], repository_of: RepositoryOf
) -> None:
    vm = simulate()
    repository = repository_of(vm)
    repository.list_images()
    vm.faults.add("expired_a", times=2)
    with pytest.raises(VManageSessionExpiredError, match="another client") as caught:
        repository.list_images()
    assert caught.value.retryable
    assert repository.list_images() == []


@pytest.mark.parametrize("dead_session", ["a", "b", "c", "d", "e"])
def test_cookie_that_another_tasks_logout_kills_is_replaced_silently(
    dead_session: str,
    simulate: Callable[..., Simulator],
    repository_of: RepositoryOf,
    caplog: pytest.LogCaptureFixture,
) -> None:
    vm = simulate(dead_session=dead_session)
    repository = repository_of(vm)
    for operation, expected in (
        (lambda: upload(repository, "a.bin"), "uploaded"),
        (lambda: vm.images[0].file_name, "a.bin"),
    ):
        repository.list_images()
        log_out_with_the_cookie_of(vm)
        assert operation() == expected
    assert repository.delete_image(file_name="a.bin", allow_in_use=True).action == "deleted"
    log_out_with_the_cookie_of(vm)
    repository.session.close()
    assert vm.images == []
    assert (vm.counters.logins, vm.counters.logouts, vm.counters.open_sessions) == (3, 3, 0)
    assert [record for record in caplog.records if record.levelname == "WARNING"] == []


def log_out_with_the_cookie_of(vm: Simulator) -> None:
    """What another task does that got hold of the same session."""
    headers = next(one.headers for one in reversed(vm.requests) if "x-xsrf-token" in one.headers)
    stolen = {"Cookie": headers["cookie"], "X-XSRF-TOKEN": headers["x-xsrf-token"]}
    response = requests.post(f"{vm.url}/logout", headers=stolen, verify=vm.ca_bundle, allow_redirects=False, timeout=30)
    assert response.status_code == 302
    assert vm.counters.open_sessions == 0
