"""The event source for AssetWatcher: each image once, on change only, across restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from airflow_provider_vmanage.client.http import refused_logins
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger
from airflow_provider_vmanage.waiting import poll as repository_poll
from airflow_provider_vmanage.waiting import seen_images
from tests.triggers.event_loop import LIST, lists, until

FOR_EVER = 10_000


class Store:
    """The asset state store, as the triggerer gives it to a trigger."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.broken = False

    async def aget(self, key: str, default: Any = None) -> Any:
        if self.broken:
            raise RuntimeError("unavailable")
        return self.values.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        if self.broken:
            raise RuntimeError("unavailable")
        self.values[key] = value


@pytest.fixture(autouse=True)
def events_are_handed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_images, "HANDOVER_S", 0.0)


@asynccontextmanager
async def watching(store: Store | None = None, **arguments: Any) -> AsyncIterator[list[str]]:
    """The file names of the events of one watcher; at the end the triggerer stops."""
    trigger = ImageAvailableTrigger(poke_interval=0.1, **arguments)
    trigger.asset_state_store = store  # type: ignore[assignment]
    names: list[str] = []

    async def follow() -> None:
        async for event in trigger.run():
            names.append(event.payload["file_name"])  # noqa: PERF401 - seen while it goes on

    task = asyncio.get_running_loop().create_task(follow())
    try:
        yield names
    finally:
        task.cancel()
        await asyncio.wait([task])
        await trigger.cleanup()


def delete(file_name: str) -> None:
    with VManageHook() as hook:
        assert hook.delete_image(file_name=file_name).action == "deleted"


async def polls(vm: Simulator, count: int = 2) -> None:
    """Wait for so many more list calls."""
    before = lists(vm)
    await until(lambda: lists(vm) > before + count)


def test_each_image_after_the_first_list_is_one_event(vm: Simulator) -> None:
    vm.add_image("old.bin", version="20.12.1")

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            vm.add_image("new.bin", version="20.15.1")
            await until(lambda: names)
            await polls(vm, 4)
            assert names == ["new.bin"]

    asyncio.run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_existing_images_are_events_on_request_oldest_first(vm: Simulator) -> None:
    for name in ("a.bin", "b.bin", "c.bin"):
        vm.add_image(name, version="20.12.1")

    async def scenario() -> None:
        async with watching(emit_existing=True) as names:
            await until(lambda: len(names) == 3)
            await polls(vm)
            assert names == [image.file_name for image in sorted(vm.images, key=lambda image: image.updated_on or 0)]

    asyncio.run(scenario())


def test_only_images_that_match_are_events(vm: Simulator) -> None:
    async def scenario() -> None:
        async with watching(version_pattern="20.15.*") as some, watching(image_type="no such") as none:
            await polls(vm)
            vm.add_image("a.bin", version="20.12.1")
            vm.add_image("b.bin", version="20.15.3")
            await until(lambda: some)
            await polls(vm)
            assert (some, none) == (["b.bin"], [])

    asyncio.run(scenario())
    assert vm.counters.logins == 1


def test_restart_with_the_store_neither_repeats_nor_misses(vm: Simulator) -> None:
    store = Store()

    async def scenario() -> None:
        async with watching(store) as names:
            await polls(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)
            await polls(vm)
        vm.add_image("while-stopped.bin", version="20.15.2")
        async with watching(store) as names:
            await until(lambda: names)
            await polls(vm)
            assert names == ["while-stopped.bin"]

    asyncio.run(scenario())
    assert vm.counters.open_sessions == 0


def test_without_the_store_a_restart_begins_with_a_new_baseline(vm: Simulator) -> None:
    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
        vm.add_image("while-stopped.bin", version="20.15.2")
        async with watching() as names:
            await polls(vm)
            assert names == []

    asyncio.run(scenario())


def test_kill_before_an_event_is_handed_over_repeats_it(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_images, "HANDOVER_S", 3600.0)
    store = Store()

    async def scenario() -> None:
        for _ in range(2):
            async with watching(store) as names:
                await until(lambda: store.values)
                if not vm.images:
                    vm.add_image("a.bin", version="20.15.1")
                await until(lambda names=names: names == ["a.bin"])  # type: ignore[misc]

    asyncio.run(scenario())


def test_watchers_with_different_filters_have_their_own_values(vm: Simulator) -> None:
    store = Store()

    async def scenario() -> None:
        async with watching(store), watching(store, version_pattern="20.*"):
            await until(lambda: len(store.values) == 2)

    asyncio.run(scenario())


def test_store_that_fails_does_not_end_the_watch(vm: Simulator) -> None:
    store = Store()
    store.broken = True

    async def scenario() -> None:
        async with watching(store) as names:
            await polls(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)

    asyncio.run(scenario())


def test_image_deleted_and_uploaded_again_is_another_event(vm: Simulator) -> None:
    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            for count in (1, 2):
                vm.add_image("a.bin", version="20.15.1")
                await until(lambda count=count: len(names) == count)  # type: ignore[misc]
                await asyncio.to_thread(delete, "a.bin")
                await polls(vm)

    asyncio.run(scenario())


def test_another_manager_behind_the_connection_is_a_new_baseline(vm: Simulator, connect: Callable[..., None]) -> None:
    store = Store()
    with Simulator() as other:
        other.add_image("theirs.bin", version="20.15.1")

        async def scenario() -> None:
            async with watching(store):
                await until(lambda: store.values)
            connect(other)
            async with watching(store) as names:
                await polls(other)
                assert names == []
                other.add_image("new.bin", version="20.15.2")
                await until(lambda: names == ["new.bin"])

        asyncio.run(scenario())


def test_unavailable_manager_is_waited_for_without_an_event(vm: Simulator) -> None:
    vm.add_image("old.bin", version="20.12.1")

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            for fault in ("data_null", "data_missing", "http_503"):
                vm.faults.add(fault, path=LIST, times=12)
            vm.expire_sessions()
            await polls(vm, 40)
            vm.add_image("new.bin", version="20.15.1")
            await until(lambda: names)
            assert names == ["new.bin"]

    asyncio.run(scenario())
    assert vm.counters.open_sessions == 0


def test_refused_login_is_not_repeated_until_the_connection_has_changed(
    vm: Simulator, connect: Callable[..., None]
) -> None:
    connect(vm, password="wrong")

    async def scenario() -> None:
        async with watching() as names:
            await until(lambda: vm.counters.refused_logins)
            await asyncio.sleep(1.0)  # ten intervals in which nothing must happen
            assert vm.counters.refused_logins == 1
            connect(vm)
            await polls(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)

    asyncio.run(scenario())
    assert (vm.counters.refused_logins, vm.counters.open_sessions) == (1, 0)


def test_refused_login_is_sent_again_after_a_lock_has_ended(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repository_poll.LOGIN_RETRY_S == 1200 > refused_logins.REFUSAL_S == 900
    monkeypatch.setattr(repository_poll, "LOGIN_RETRY_S", 0.5)
    monkeypatch.setattr(refused_logins, "REFUSAL_S", 0.4)
    vm.faults.add("login_refused", times=2)

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)

    asyncio.run(scenario())
    assert sum(request.path == "/j_security_check" for request in vm.requests) == 3
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("status", [404, 403, 302])
def test_manager_that_starts_is_waited_for(vm: Simulator, status: int) -> None:
    vm.faults.add("status", path="/j_security_check", times=3, status=status)

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)

    asyncio.run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_watcher_goes_on_with_another_poll_where_its_own_dies(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    vm.add_image("old.bin", version="20.12.1")

    async def die(_: Any) -> Any:
        raise RuntimeError("broken")

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            with monkeypatch.context() as patch:
                patch.setattr(repository_poll.Poll, "_poll", die)
                await until(lambda: vm.counters.logouts == 1)
            vm.add_image("new.bin", version="20.15.1")
            await until(lambda: names)
            await polls(vm)
            assert names == ["new.bin"]

    asyncio.run(scenario())
    assert vm.counters.open_sessions == 0


# -- what is believed at the second poll -----------------------------------------------------------------------------


def listed(vm: Simulator) -> dict[str, Any]:
    with VManageHook() as hook:
        body: dict[str, Any] = hook.request("GET", "device/action/software").body
        return body


def show(vm: Simulator, body: dict[str, Any], times: int = 1) -> None:
    vm.faults.add("status", path=LIST, times=times, status=200, body=body, content_type="application/json")


@pytest.mark.parametrize("left", [0, 1])
def test_one_list_that_lacks_images_makes_no_event(vm: Simulator, left: int) -> None:
    for number in range(3):
        vm.add_image(f"old-{number}.bin", version="20.12.1")
    whole = listed(vm)

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            for _ in range(2):
                show(vm, {**whole, "data": whole["data"][:left]})
                await polls(vm)
            vm.add_image("new.bin", version="20.15.1")
            await until(lambda: names)
            await polls(vm)
            assert names == ["new.bin"]

    asyncio.run(scenario())


def test_image_missing_twice_is_new_when_listed_again(vm: Simulator) -> None:
    vm.add_image("old.bin", version="20.12.1")
    whole = listed(vm)

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            show(vm, {**whole, "data": []}, times=2)
            await until(lambda: names)
            assert names == ["old.bin"]

    asyncio.run(scenario())


@pytest.mark.parametrize("gone", [["versionIdMap"], ["versionIdMap", "fileNameMap"], ["versionIdMap", "versionId"]])
@pytest.mark.parametrize("grouped", [False, True])
def test_id_that_is_no_longer_shown_makes_no_event(
    connect: Callable[..., None], gone: list[str], *, grouped: bool
) -> None:
    with Simulator("20.9.4", group_by_version=grouped) as vm:
        connect(vm)
        for name in ("a.bin", "b.bin"):
            vm.add_image(name, version="20.12.1")
        whole = listed(vm)
        rows = [{key: value for key, value in row.items() if key not in gone} for row in whole["data"]]

        async def scenario() -> None:
            async with watching() as names:
                await polls(vm)
                show(vm, {**whole, "data": rows}, times=3)
                await polls(vm, 6)  # without them, and with them again
                vm.add_image("new.bin", version="20.12.1")
                await until(lambda: names)
                assert names == ["new.bin"]

        asyncio.run(scenario())


def test_image_that_is_replaced_between_two_lists_is_new(vm: Simulator) -> None:
    vm.add_image("a.bin", version="20.12.1")
    whole = listed(vm)
    (row,) = whole["data"]
    ids = {"versionId": "another", "versionIdMap": "{a.bin=another-file}"}

    async def scenario() -> None:
        async with watching() as names:
            await polls(vm)
            show(vm, {**whole, "data": [{**row, **ids}]}, times=1_000)
            await until(lambda: names)
            assert names == ["a.bin"]

    asyncio.run(scenario())


@pytest.mark.parametrize("emit_existing", [False, True])
def test_store_that_cannot_be_read_is_no_new_baseline(vm: Simulator, *, emit_existing: bool) -> None:
    store = Store()
    vm.add_image("old.bin", version="20.12.1")

    async def scenario() -> None:
        async with watching(store, emit_existing=emit_existing):
            await until(lambda: store.values)
            await polls(vm)
        vm.add_image("while-stopped.bin", version="20.15.2")
        store.broken, kept = True, dict(store.values)
        async with watching(store, emit_existing=emit_existing) as names:
            await polls(vm)
            vm.add_image("new.bin", version="20.15.3")
            await until(lambda: names == ["new.bin"])
            assert store.values == kept
            store.broken = False
            await until(lambda: len(names) == 2)
            await polls(vm)
            assert names == ["new.bin", "while-stopped.bin"]
            assert store.values != kept

    asyncio.run(scenario())


def test_store_that_fails_to_write_is_written_later(vm: Simulator) -> None:
    store = Store()

    async def scenario() -> None:
        async with watching(store) as names:
            await until(lambda: store.values)
            store.broken, kept = True, dict(store.values)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)
            await polls(vm)
            assert store.values == kept
            store.broken = False
            await until(lambda: store.values != kept)

    asyncio.run(scenario())


def test_two_thousand_images_fit_into_the_store_of_airflow() -> None:
    images = [SoftwareImage(f"20.{n}", f"r-{n}", f"f-{n}", f"{n}.bin") for n in range(2_000)]
    state = seen_images.SeenState("manager", frozenset(map(seen_images.SeenImage.of, images)))
    text = json.dumps(state.as_json())
    assert len(text) < 64 * 1024
    assert seen_images.SeenState.from_json(json.loads(text)) == state


@pytest.mark.parametrize("value", [None, [], ["a"], "text", {}, {"images": 7}, 5])
def test_value_that_another_release_wrote_is_none(value: Any) -> None:
    assert seen_images.SeenState.from_json(value) is None


def test_watchers_share_the_stream_of_airflow_33_whatever_they_filter(vm: Simulator) -> None:
    """Through Airflow's own manager of shared streams, as its triggerer drives it."""
    triggers = [ImageAvailableTrigger(poke_interval=0.1, version_pattern=pattern) for pattern in (None, "20.15.*")]
    shared_stream = pytest.importorskip("airflow.triggers.shared_stream", reason="before Airflow 3.3 there is none")
    first, second = (trigger.shared_stream_key() for trigger in triggers)
    assert first is not None
    assert first == second
    assert ImageAvailableTrigger(vmanage_conn_id="other", poke_interval=0.1).shared_stream_key() != first
    names: list[str] = []

    async def follow(stream: Any) -> None:
        async for event in stream:
            names.append(event.payload["file_name"])  # noqa: PERF401 - seen while it goes on

    async def scenario() -> None:
        manager = shared_stream.SharedStreamManager(log=_Silent(), max_subscriber_queue=100)
        tasks = []
        for number, trigger in enumerate(triggers):
            shared = manager.subscribe(trigger_id=number, trigger=trigger, key=first)
            stream = trigger.filter_shared_stream(shared)
            tasks.append(asyncio.get_running_loop().create_task(follow(stream)))
        await polls(vm)
        vm.add_image("a.bin", version="20.15.1")
        await until(lambda: names == ["a.bin", "a.bin"])
        for number, task in enumerate(tasks):
            task.cancel()
            await manager.unsubscribe(number, first)
        await manager.stop_all()
        await until(lambda: vm.counters.open_sessions == 0)

    asyncio.run(scenario())
    assert vm.counters.logins == 1


class _Silent:
    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None
