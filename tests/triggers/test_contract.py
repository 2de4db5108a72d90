"""What Airflow keeps of a trigger in its database, and makes a trigger of again."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
from airflow.triggers.base import BaseEventTrigger, BaseTrigger

from airflow_provider_vmanage.triggers import software_repository, software_upgrade, upgrade
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger
from tests.task_runner import through_the_database

TRIGGERS = [
    found
    for module in (software_repository, software_upgrade, upgrade)
    for found in vars(module).values()
    if getattr(found, "__module__", "") == module.__name__ and inspect.isclass(found) and issubclass(found, BaseTrigger)
]

# As version 0.1 wrote them. Rows like these are in databases: never change them, only add others.
OLD_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("ImageVersionTrigger", {"vmanage_conn_id": "lab", "version": "20.15.1", "poke_interval": 60.0}),
    ("ImageVersionTrigger", {"file_name": "a.bin", "deadline": 1.0, "failures": 2, "max_consecutive_failures": None}),
    ("ImageVersionTrigger", {"version": "20.15.1", "max_consecutive_failures": 5, "failures": 0}),
    ("ImageAvailableTrigger", {"vmanage_conn_id": "lab", "version_pattern": "20.15.*", "emit_existing": True}),
]

SAMPLES: dict[str, Any] = {
    "float": 7.5,
    "int": 3,
    "bool": True,
    "Sequence[str]": ["a", "b"],
    "Mapping[str,": {"a": "b"},
    "Any": {"state": [1, None]},
}


def parameters(trigger: type[BaseTrigger]) -> dict[str, inspect.Parameter]:
    return {name: one for name, one in inspect.signature(trigger.__init__).parameters.items() if name != "self"}


def test_all_triggers_are_checked() -> None:
    assert [one.__name__ for one in TRIGGERS] == [
        "ImageVersionTrigger",
        "ImageAvailableTrigger",
        "DeviceTaskTrigger",
        "DeviceVersionTrigger",
        "DeviceHealthTrigger",
        "PauseTrigger",
    ]


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_arguments_attributes_and_row_agree_and_have_defaults(trigger: type[BaseTrigger]) -> None:
    _, row = trigger().serialize()
    assert list(row) == list(parameters(trigger))
    # JSON: an empty tuple is a list, and an empty mapping may be missing
    assert {name: value or None for name, value in row.items()} == {
        name: (list(one.default) if isinstance(one.default, tuple) else one.default) or None
        for name, one in parameters(trigger).items()
    }
    assert all(hasattr(trigger(), name) for name in row)


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_row_makes_the_same_trigger_again(trigger: type[BaseTrigger]) -> None:
    given = {
        name: SAMPLES.get(str(one.annotation).partition(" ")[0], f"a {name}")
        for name, one in parameters(trigger).items()
    }
    path, row = trigger(**given).serialize()
    assert row == given
    module, _, name = path.rpartition(".")
    again = getattr(import_module(module), name)(**through_the_database(row))
    assert type(again) is trigger
    assert again.serialize() == (path, given)


@pytest.mark.parametrize(("name", "row"), OLD_ROWS)
def test_row_of_an_older_release_still_makes_a_trigger(name: str, row: dict[str, Any]) -> None:
    _, now = getattr(software_repository, name)(**row).serialize()
    assert {key: now[key] for key in row} == row


def test_only_the_watcher_is_an_event_trigger() -> None:
    assert [trigger for trigger in TRIGGERS if issubclass(trigger, BaseEventTrigger)] == [ImageAvailableTrigger]


def test_same_watcher_is_the_same_trigger_to_airflow() -> None:
    first, second = ImageAvailableTrigger(version_pattern="20.*"), ImageAvailableTrigger(version_pattern="20.*")
    assert BaseEventTrigger.hash(*first.serialize()) == BaseEventTrigger.hash(*second.serialize())
