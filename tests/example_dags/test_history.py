"""The queries of docs/history.md, on rows that the inventory DAG makes of simulated managers."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.software_repository import ListImagesOperator
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator
from airflow_provider_vmanage.simulator import Simulator
from scripts.pages import file_example

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "vmanage-20.12.3-x86_64.tar.gz", "vmanage-20.12.4-x86_64.tar.gz"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("inventory_example", ROOT / "example_dags" / "inventory_export.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class History:
    """The tables, and what the tasks of the DAG for one manager do; the time is chosen."""

    def __init__(
        self, example: ModuleType, run: Callable[..., Any], connect: Callable[..., None], folder: Path
    ) -> None:
        self._example, self._run, self._connect, self._folder = example, run, connect, folder
        self.database = sqlite3.connect(":memory:")
        for statement in example.CREATE:
            self.database.execute(statement)

    def take(self, name: str, vm: Simulator, taken_at: str, run_id: str | None = None) -> None:
        self._connect(vm)
        images, devices = self._folder / f"{name}-images.jsonl", self._folder / f"{name}-devices.jsonl"
        written = [
            self._run(ListImagesOperator(task_id="list_images", output=str(images))),
            self._run(ListDeviceSoftwareOperator(task_id="list_devices", output=str(devices))),
        ]
        snapshot = self._example.snapshot.function
        parameters = {**snapshot(name, *written, run_id=run_id or taken_at), "taken_at": taken_at}
        with self.database:
            for statement in self._example.LOAD:
                self.database.execute(statement, parameters)

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        text = file_example(f"docs/history.sql {query}")
        return self.database.execute(text.removeprefix("```sql\n").removesuffix("\n```")).fetchall()

    def count(self) -> list[int]:
        tables = ("vmanage_snapshots", "vmanage_images", "vmanage_devices")
        return [self.database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]  # noqa: S608


@pytest.fixture
def managers() -> Iterator[dict[str, Simulator]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(Simulator(version="20.18.2")) for name in ("east", "north", "south")}


@pytest.fixture
def history(
    example: ModuleType, run: Callable[..., Any], connect: Callable[..., None], tmp_path: Path
) -> Iterator[History]:
    made = History(example, run, connect, tmp_path)
    with closing(made.database):
        yield made


def delete(file_name: str) -> None:
    with VManageHook() as hook:
        hook.delete_image(file_name=file_name)


def test_march_shows_what_was_there_and_since_when(history: History, managers: dict[str, Simulator]) -> None:
    north = managers["north"]
    north.add_image(OLD)
    history.take("north", north, "2026-02-27T06:00:00+00:00")
    history.take("north", north, "2026-03-01T06:00:00+00:00")
    north.add_image(NEW)
    history.take("north", north, "2026-03-31T06:00:00+00:00")
    delete(OLD)
    north.add_image("vmanage-20.12.5-x86_64.tar.gz")
    history.take("north", north, "2026-04-01T00:00:00+00:00")
    assert history.ask("march") == [
        ("north", OLD, "20.12.3", "2026-03-01T06:00:00+00:00", "2026-03-31T06:00:00+00:00"),
        ("north", NEW, "20.12.4", "2026-03-31T06:00:00+00:00", "2026-03-31T06:00:00+00:00"),
    ]


def test_managers_that_lack_an_image_include_empty_ones(history: History, managers: dict[str, Simulator]) -> None:
    early, late = "2026-03-01T06:00:00+00:00", "2026-03-02T06:00:00+00:00"
    managers["south"].add_image(NEW)
    for name, vm in managers.items():
        history.take(name, vm, early)
    managers["north"].add_image(NEW)
    delete(NEW)  # from the south, which was connected last
    for name in ("north", "south"):
        history.take(name, managers[name], late)
    assert history.ask("lack") == [("east", early), ("south", late)]


def test_older_devices_are_found_by_number_not_by_text(history: History, managers: dict[str, Simulator]) -> None:
    north = managers["north"]
    versions = ["17.12.04.0.6740", "17.9.05", "17.09.04a.0.6", "17.12.04a", "17.12.3", "17.13.1", "17.12.4-li"]
    for number, version in enumerate(versions):
        north.add_device(f"edge-{number}", version=version, site_id=number, platformFamily="c8000v")
    north.add_device("other", version="16.12.5", platformFamily="isr4300")
    history.take("north", north, "2026-03-01T06:00:00+00:00")
    found = [(device, site, running) for _, device, site, running, _ in history.ask("older")]
    assert found == [
        ("edge-6", "6", "17.12.4-li"),  # its place is not known
        ("edge-2", "2", "17.09.04a.0.6"),
        ("edge-1", "1", "17.9.05"),
        ("edge-4", "4", "17.12.3"),
    ]


def test_rerun_of_a_run_keeps_what_it_has_stored(history: History, managers: dict[str, Simulator]) -> None:
    north = managers["north"]
    north.add_image(OLD)
    north.add_device("edge-1")
    history.take("north", north, "2026-03-01T06:00:00+00:00", run_id="first")
    stored = history.count()
    north.add_image(NEW)
    history.take("north", north, "2026-04-01T06:00:00+00:00", run_id="first")
    assert history.count() == stored
    history.take("south", managers["south"], "2026-04-01T06:00:00+00:00", run_id="first")  # failed before
    history.take("north", north, "2026-04-02T06:00:00+00:00", run_id="second")
    assert [row[:2] for row in history.ask("lack")] == [("south", "2026-04-01T06:00:00+00:00")]
    assert history.count()[0] == 3


@pytest.mark.parametrize("version", [None, "", "--", "20.12.4-li", "smart-li-20.13.999-3077", "17.12"])
def test_version_of_another_form_has_no_order(example: ModuleType, version: str | None) -> None:
    assert example.order_of(version) is None
