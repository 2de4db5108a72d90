"""The page that users read says what the tests run."""

from __future__ import annotations

import pytest

from tests.faults.page import END, PAGE, with_table


def test_the_page_shows_the_table_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page) == page, "docs/reliability.md is out of date: run make reliability"


def test_a_page_without_a_place_for_the_table_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"reliability\.md lacks"):
        with_table(END)
