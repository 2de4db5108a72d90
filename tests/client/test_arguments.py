"""Arguments of changing calls, checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.client.arguments import (
    IF_EXISTS,
    IF_MISSING,
    check_choice,
    one_selector,
    require_text,
)
from airflow_provider_vmanage.client.errors import VManageConfigurationError


@pytest.mark.parametrize("value", [None, "", " ", "\t\n", 7, [], True])
def test_blank_text_is_an_error_that_names_the_field(value: Any) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^version_name is .*not blank"):
        require_text(value, "version_name")


def test_text_loses_the_blanks_around_it() -> None:
    assert require_text(" 20.12.5\n", "version") == "20.12.5"


@pytest.mark.parametrize("choices", [IF_EXISTS, IF_MISSING])
def test_each_choice_is_one(choices: tuple[str, ...]) -> None:
    for choice in choices:
        check_choice(choice, choices, "if_exists")


@pytest.mark.parametrize("value", ["", "Skip", "delete", " skip", None, 1, []])
def test_anything_else_is_an_error_that_names_field_and_choices(value: Any) -> None:
    with pytest.raises(VManageConfigurationError, match=r"^if_exists is .*skip, replace, fail"):
        check_choice(value, IF_EXISTS, "if_exists")


@pytest.mark.parametrize("name", ["version_id", "version", "file_name"])
def test_exactly_one_selector_is_taken(name: str) -> None:
    given = {"version_id": None, "version": None, "file_name": None, name: " x "}
    assert one_selector(given) == (name, "x")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "none of them given"),
        ({"version_id": "1", "version": "20.12.5"}, "version_id and version given"),
        ({"version_id": "1", "version": ""}, "version_id and version given"),
        ({"version": ""}, "version is ''"),
        ({"file_name": "  "}, "file_name is"),
    ],
)
def test_no_selector_several_or_a_blank_one_is_an_error(given: dict[str, str | None], words: str) -> None:
    with pytest.raises(VManageConfigurationError, match=f"^{words}"):
        one_selector({"version_id": None, "version": None, "file_name": None, **given})
