"""The DAG that an image starts: its watcher sees the image, and its task reports which one it was."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.execution_time.context import TriggeringAssetEventsAccessor

from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger

FILE = Path(__file__).resolve().parents[2] / "example_dags" / "on_new_image.py"
OTHER, NEW = "vmanage-20.12.4-x86_64.tar.gz", "vmanage-20.15.3-x86_64.tar.gz"


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("on_new_image_example", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def first_event(trigger: ImageAvailableTrigger) -> Any:
    events = trigger.run()
    try:
        async for event in events:
            return event.payload
    finally:
        await events.aclose()  # type: ignore[attr-defined]
        await trigger.cleanup()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("by_hand", [[], [{"from_rest_api": True}]], ids=["no other event", "an event by hand"])
@pytest.mark.parametrize("names", [[NEW], []], ids=["started by an image", "triggered by a person"])
def test_task_returns_the_images_that_started_the_run(
    example: ModuleType,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    names: list[str],
    by_hand: list[dict[str, Any]],
) -> None:
    connect(vm)
    vm.add_image(OTHER)
    asset = example.new_images
    events = [SimpleNamespace(asset=asset, source_aliases=[], extra=extra) for extra in by_hand]
    for name in names:
        vm.add_image(name)
        (watcher,) = asset.watchers
        arguments = {**watcher.trigger.serialize()[1], "emit_existing": True}  # an image that is there at once
        payload = asyncio.run(first_event(ImageAvailableTrigger(**arguments)))
        # As Airflow keeps a trigger's event (airflow.models.trigger).
        extra = {"from_trigger": True, "payload": payload}
        events.append(SimpleNamespace(asset=asset, source_aliases=[], extra=extra))

    task = example.on_new_image().task_dict["new_rows"]
    rows = run(task, {"triggering_asset_events": TriggeringAssetEventsAccessor.build(events)})

    assert [row["file_name"] for row in rows] == names
