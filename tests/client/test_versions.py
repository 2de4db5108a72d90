"""Version texts: what is the same, and what is newer."""

from __future__ import annotations

import pytest

from airflow_provider_vmanage.client.versions import comparable, is_ordered, same_version, version_key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("20.12.4", "20.12.4", True),
        (" 20.12.4", "20.12.4 ", True),
        ("20.12.4", "20.12", False),
        ("20.1", "20.12", False),
        ("17.09.01.0.155356.1646904830", "17.09.01.0.155356", True),
        ("17.09.01.0.155356", "17.09.01.0.155356.1646904830", True),
        ("17.09.01.0.155356.1", "17.09.01.0.155357", False),
        ("17.06.05a.0.7.1683871391", "17.06.05a.0.7", True),
        ("17.06.05a.0.7.1683871391", "17.06.05.0.7", False),
        ("17.18.03a", "17.18.3a", True),
        ("17.18.03A.0.176", "17.18.3a.0.176", True),
        ("17.09.01.0", "17.09.01.0.155356", False),
        ("20.13.999-2846", "20.13.999-2846", True),
        ("20.13.999-2846", "20.13.999-2847", False),
        ("smart-li-20.13.999-3077", "20.13.999-3077", False),
        ("20.12.0-144-li", "20.12.0-144", False),
        ("20.12.0-144-li", "20.12.00-144-LI", True),
        ("17.9.1.CSCab12345", "17.9.1", False),
        ("17.9.1.CSCab12345", "17.9.1.cscab12345", True),
        ("1" * 5000, "1" * 5001, False),
    ],
)
def test_versions_are_compared_by_number_and_letter(one: str, other: str, *, same: bool) -> None:
    assert same_version(one, other) is same
    assert same_version(other, one) is same


@pytest.mark.parametrize(
    ("one", "other"), [("smart-li-20.13.999-3077", "20.13.999-3077"), ("20.12.0-144-li", "20.12.0-144")]
)
def test_words_are_ignored_for_what_may_be_in_use(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)
    assert not same_version(one, other)


@pytest.mark.parametrize(
    "versions",
    [
        ["17.9.1", "17.12.1"],
        ["17.06.05", "17.06.05a", "17.06.05b", "17.06.06"],
        ["17.09.04.0.4733", "17.09.04a.0.4877", "17.09.04b.0.1"],
        ["17.09.04.0.4733.1683871391", "17.09.04a.0.4877.1683871391", "17.9.5.0.1.1"],
        ["17.9.4", "17.09.04a", "17.9.4b"],
        ["20.12", "20.12.1"],
        ["20.13.999-2846", "20.13.999-3077"],
        ["smart-li-20.13.999-2846", "20.13.999-3077"],
        ["17.09.01.0.155356.1646904830", "17.12.01.0.177566.1681743991"],
    ],
)
def test_versions_are_sorted_as_a_person_sorts_them(versions: list[str]) -> None:
    backwards = versions[::-1]
    assert sorted(backwards, key=version_key) == versions


@pytest.mark.parametrize(
    ("version", "ordered"),
    [
        ("20.12.4", True),
        ("17.09.04a.0.4877.1683871391", True),
        ("20.13.999-2846", True),
        ("20.12.4-li", False),
        ("smart-li-20.13.999-3077", False),
        ("17.9.1.CSCab12345", False),
        ("1.0.16_SV2.9.16.1_XE17.3", False),
        ("--", False),
        ("", False),
    ],
)
def test_builds_with_words_have_no_place_in_the_order(version: str, *, ordered: bool) -> None:
    assert is_ordered(version) is ordered
