"""The event source for AssetWatcher: each image once, on change only, across restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger
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
            raise RuntimeError("away")
        return self.values.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        if self.broken:
            raise RuntimeError("away")
        self.values[key] = value


@pytest.fixture(autouse=True)
def events_are_handed_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_images, "HANDOVER", 0.0)


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


async def looks(vm: Simulator, count: int = 2) -> None:
    """Wait until the list was asked for, and answered, some times more."""
    before = lists(vm)
    await until(lambda: lists(vm) > before + count)


def test_the_first_list_is_a_silent_baseline_and_each_later_image_is_told_once(vm: Simulator) -> None:
    vm.add_image("old.bin", version="20.12.1")

    async def scenario() -> None:
        async with watching() as names:
            await looks(vm)
            vm.add_image("new.bin", version="20.15.1")
            await until(lambda: names)
            await looks(vm, 4)
            assert names == ["new.bin"]

    asyncio.run(scenario())
    assert (vm.counters.logins, vm.counters.open_sessions) == (1, 0)


def test_existing_images_are_told_where_that_is_wanted_the_oldest_first(vm: Simulator) -> None:
    for name in ("a.bin", "b.bin", "c.bin"):
        vm.add_image(name, version="20.12.1")

    async def scenario() -> None:
        async with watching(emit_existing=True) as names:
            await until(lambda: len(names) == 3)
            await looks(vm)
            assert names == [image.file_name for image in sorted(vm.images, key=lambda image: image.updated_on or 0)]

    asyncio.run(scenario())


def test_only_what_fits_is_told(vm: Simulator) -> None:
    async def scenario() -> None:
        async with watching(version_pattern="20.15.*") as some, watching(image_type="no such") as none:
            await looks(vm)
            vm.add_image("a.bin", version="20.12.1")
            vm.add_image("b.bin", version="20.15.3")
            await until(lambda: some)
            await looks(vm)
            assert (some, none) == (["b.bin"], [])

    asyncio.run(scenario())
    assert vm.counters.logins == 1


def test_a_restart_with_the_store_neither_repeats_nor_misses(vm: Simulator) -> None:
    store = Store()

    async def scenario() -> None:
        async with watching(store) as names:
            await looks(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)
            await looks(vm)
        vm.add_image("while-away.bin", version="20.15.2")
        async with watching(store) as names:
            await until(lambda: names)
            await looks(vm)
            assert names == ["while-away.bin"]

    asyncio.run(scenario())
    assert vm.counters.open_sessions == 0


def test_without_the_store_a_restart_begins_with_a_new_baseline(vm: Simulator) -> None:
    async def scenario() -> None:
        async with watching() as names:
            await looks(vm)
        vm.add_image("while-away.bin", version="20.15.2")
        async with watching() as names:
            await looks(vm)
            assert names == []

    asyncio.run(scenario())


def test_a_kill_before_an_event_is_handed_over_repeats_it(vm: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen_images, "HANDOVER", 3600.0)
    store = Store()

    async def scenario() -> None:
        for _ in range(2):
            async with watching(store) as names:
                await until(lambda: store.values)
                if not vm.images:
                    vm.add_image("a.bin", version="20.15.1")
                await until(lambda names=names: names == ["a.bin"])  # type: ignore[misc]

    asyncio.run(scenario())


def test_watchers_with_different_filters_on_one_asset_have_a_value_each(vm: Simulator) -> None:
    store = Store()

    async def scenario() -> None:
        async with watching(store), watching(store, version_pattern="20.*"):
            await until(lambda: len(store.values) == 2)

    asyncio.run(scenario())


def test_a_store_that_fails_does_not_end_the_watch(vm: Simulator) -> None:
    store = Store()
    store.broken = True

    async def scenario() -> None:
        async with watching(store) as names:
            await looks(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)

    asyncio.run(scenario())


def test_an_image_that_is_deleted_and_uploaded_anew_is_told_again(vm: Simulator) -> None:
    async def scenario() -> None:
        async with watching() as names:
            await looks(vm)
            for count in (1, 2):
                vm.add_image("a.bin", version="20.15.1")
                await until(lambda count=count: len(names) == count)  # type: ignore[misc]
                await asyncio.to_thread(delete, "a.bin")
                await looks(vm)

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
                await looks(other)
                assert names == []
                other.add_image("new.bin", version="20.15.2")
                await until(lambda: names == ["new.bin"])

        asyncio.run(scenario())


def test_a_manager_that_is_away_is_waited_for_and_nothing_is_told_for_it(vm: Simulator) -> None:
    vm.add_image("old.bin", version="20.12.1")

    async def scenario() -> None:
        async with watching() as names:
            await looks(vm)
            for fault in ("data_null", "data_missing", "http_503"):
                vm.faults.add(fault, path=LIST, times=12)
            vm.expire_sessions()
            await looks(vm, 40)
            vm.add_image("new.bin", version="20.15.1")
            await until(lambda: names)
            assert names == ["new.bin"]

    asyncio.run(scenario())
    assert vm.counters.open_sessions == 0


def test_a_refused_login_is_not_repeated_until_the_connection_has_changed(
    vm: Simulator, connect: Callable[..., None]
) -> None:
    connect(vm, password="wrong")

    async def scenario() -> None:
        async with watching() as names:
            await until(lambda: vm.counters.refused_logins)
            await asyncio.sleep(1.0)  # ten intervals in which nothing must happen
            assert vm.counters.refused_logins == 1
            connect(vm)
            await looks(vm)
            vm.add_image("a.bin", version="20.15.1")
            await until(lambda: names)

    asyncio.run(scenario())
    assert (vm.counters.refused_logins, vm.counters.open_sessions) == (1, 0)


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
        await looks(vm)
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
