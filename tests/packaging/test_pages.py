"""The pages of docs/ are plain Markdown, and what `make pages` writes into them is up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.docstrings import inline, read_docstring
from scripts.pages import DOCS, ROOT, file_example, made, with_anchors, with_blocks
from scripts.reference import arguments_table

PAGES = sorted(DOCS.rglob("*.md"))
OTHERS = sorted([*ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_is_made_in_a_page_is_up_to_date(page: Path) -> None:
    assert made(page) == page.read_text(encoding="utf-8"), f"{name_of(page)} is out of date: run make pages"


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_page_shows_no_raw_directive(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    directive = r"^ *(?:```|:::|~~~) ?\{.*|^\([\w-]+\)=$|\{(?:download|doc|ref|eval-rst)\}"
    assert re.findall(directive, text, re.MULTILINE) == []


@pytest.mark.parametrize("page", [*PAGES, *OTHERS], ids=name_of)
def test_every_block_of_a_page_names_its_language(page: Path) -> None:
    fences = re.findall(r"^```(.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) % 2 == 0
    assert {*fences[::2]} <= {"python", "sql", "json", "sh", "text", "yaml", "dockerfile"}
    assert {*fences[1::2]} <= {""}


def test_example_is_shown_without_the_marks_of_its_parts() -> None:
    assert "[START" in (ROOT / "docs/upgrade_fleet.py").read_text(encoding="utf-8")
    assert not re.search(r"\[(START|END) ", file_example("docs/upgrade_fleet.py"))


def test_part_that_a_file_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"upgrade_prep\.py has no part"):
        file_example("example_dags/upgrade_prep.py nothing_of_this_name")


def test_anchor_is_made_of_the_first_words_and_only_once() -> None:
    page = "| Message | Meaning |\n|---|---|\n| `host is empty` | |\n| `host is empty` | |\n"
    anchored = with_anchors(page)
    assert anchored.splitlines()[2:] == [
        '| <a id="host-is-empty"></a>`host is empty` | |',
        '| <a id="host-is-empty-2"></a>`host is empty` | |',
    ]
    assert with_anchors(anchored) == anchored


class Undocumented:
    """A class.

    :param first: it has.
    """

    def __init__(self, first: str, second: str) -> None:
        """Do nothing."""


def test_argument_without_a_text_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.reference.find", lambda _: Undocumented)
    with pytest.raises(ValueError, match="Undocumented differ in second"):
        arguments_table("Undocumented")


def test_rest_becomes_markdown() -> None:
    def documented() -> None:
        """Return ``rows``.

        As :class:`.Other` and :meth:`a.b.close`
        do.

        ======  ====
        column  type
        ======  ====
        ``a``   text
        ======  ====

        :param one: first line
            and second.
        :raises ValueError: sometimes.
        """

    found = read_docstring(documented)
    assert found.text.split("\n\n") == [
        "Return `rows`.",
        "As `Other` and `close` do.",
        "| column | type |\n|---|---|\n| `a` | text |",
    ]
    assert found.params == {"one": "first line and second."}
    assert found.raises == [("ValueError", "sometimes.")]
    assert inline(":data:`~.seen.HANDOVER_S`") == "`HANDOVER_S`"


def test_empty_block_is_filled_and_takes_no_text() -> None:
    blocks = "<!-- pages: example docs/history.sql {} -->\n<!-- pages: end -->\n"
    page = with_blocks(f"{blocks.format('march')}between\n{blocks.format('lack')}")
    assert "between" in page
    assert page.count("SELECT") == 3  # one, and one with another in it
    assert with_blocks(page) == page
