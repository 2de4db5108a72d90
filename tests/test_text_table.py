"""Tables and counts of logs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_vmanage.reports.text_table import cell, count_of, markdown_cell, size_of, text_table


def test_columns_are_as_wide_as_what_they_hold() -> None:
    assert text_table(("file", "version"), [("a.bin", "20.12.4"), ("longer.bin", None)]) == [
        "file       | version",
        "-----------+--------",
        "a.bin      | 20.12.4",
        "longer.bin | \N{EN DASH}",
    ]


def test_long_table_is_cut_and_says_by_how_many() -> None:
    lines = text_table(("n",), [(number,) for number in range(1000)])
    assert (len(lines), lines[-2:]) == (53, ["49", "and 950 more"])
    assert text_table(("n",), [(1,)] * 50)[-1] == "1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ((), "\N{EN DASH}"),
        (" two\r\nlines\x1b[31m", "two lines[31m"),
    ],
)
def test_cell_is_one_line(value: Any, text: str) -> None:
    assert cell(value) == text


def test_counts_and_sizes_are_those_of_a_person() -> None:
    assert [count_of(number, "image") for number in (0, 1, 3)] == ["no images", "1 image", "3 images"]
    assert [size_of(size) for size in (None, 999, 1500, 2_500_000, 1_234_000_000)] == [
        None,
        "999 B",
        "1.5 kB",
        "2.5 MB",
        "1.2 GB",
    ]


def test_markdown_shows_a_value_as_it_is() -> None:
    assert markdown_cell("a|b *c* <d>\nsite_1_x _e_") == r"a\|b \*c\* \<d\> site_1_x \_e\_"
