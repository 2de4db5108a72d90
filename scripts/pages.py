"""Examples, argument tables, assumptions and the fault matrix, written into the Markdown of ``docs/``: ``make pages``.

A page says what it takes between ``<!-- pages: KIND WHAT -->`` and ``<!-- pages: end -->``. ``MAKERS`` lists the kinds.
What is between these lines is real Markdown, so that GitHub and editors show it; a test fails while it is out of date.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

from scripts.assumptions import assumption_tables
from scripts.command_output import command_output
from scripts.reference import arguments_table, class_section, class_sections, function_section, module_text
from scripts.requirements import requirements_table
from tests.faults.page import fault_tables

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BLOCK = re.compile(r"(<!-- pages: (?!end )(\w+)(?: ([^>]*?))? -->\n)(?:.*?\n)??(<!-- pages: end -->)", re.DOTALL)
MESSAGE = re.compile(r'^\| (?:<a id="[^"]*"></a>)?(?=[`*])(.+?) \|', re.MULTILINE)
WORDS_OF_AN_ANCHOR = 7
MARKERS = re.compile(r"^ *(?:#|--) \[(?:START|END) \w+\]\n", re.MULTILINE)
LANGUAGES = {".py": "python", ".sql": "sql"}


def file_example(what: str) -> str:
    """Return a file, or what stands between ``[START name]`` and ``[END name]`` of it, without such marks.

    :param what: path from the root, and a name where only a part is wanted.
    :raises ValueError: the file has no such part.
    """
    path, _, name = what.partition(" ")
    text = (ROOT / path).read_text(encoding="utf-8")
    if name:
        found = re.search(
            rf"^ *(?:#|--) \[START {name}\]\n(.*?)^ *(?:#|--) \[END {name}\]\n", text, re.MULTILINE | re.DOTALL
        )
        if found is None:
            raise ValueError(f"{path} has no part between [START {name}] and [END {name}]")
        text = textwrap.dedent(found.group(1))
    text = MARKERS.sub("", text)
    return f"```{LANGUAGES[Path(path).suffix]}\n{text.rstrip()}\n```"


MAKERS: dict[str, Callable[[str], str]] = {
    "example": file_example,
    "arguments": arguments_table,
    "class": class_section,
    "classes": class_sections,
    "function": function_section,
    "module": module_text,
    "requirements": lambda _: requirements_table(),
    "faults": lambda _: fault_tables(),
    "output": command_output,
    "assumptions": lambda _: assumption_tables(),
}


def with_anchors(page: str) -> str:
    """Return the page of troubles with an anchor at each message, made of the first words of the message."""
    used: dict[str, int] = {}

    def anchored(row: re.Match[str]) -> str:
        words = re.findall(r"[a-z0-9_]+", row.group(1).lower())
        anchor = "-".join(words[:WORDS_OF_AN_ANCHOR]).replace("_", "-")
        used[anchor] = used.get(anchor, 0) + 1
        number = f"-{used[anchor]}" if used[anchor] > 1 else ""
        return f'| <a id="{anchor}{number}"></a>{row.group(1)} |'

    return MESSAGE.sub(anchored, page)


def made(page: Path) -> str:
    """Return the page as it has to be today."""
    text = page.read_text(encoding="utf-8")
    return with_blocks(with_anchors(text) if page == DOCS / "troubleshooting.md" else text)


def with_blocks(text: str) -> str:
    """Return the text of a page with every block made; an empty one is filled."""
    return BLOCK.sub(lambda block: f"{block[1]}\n{MAKERS[block[2]](block[3] or '')}\n\n{block[4]}", text)


def main() -> int:
    """Write all pages that are out of date; return the exit code."""
    for page in sorted(DOCS.rglob("*.md")):
        today = made(page)
        if today != page.read_text(encoding="utf-8"):
            page.write_text(today, encoding="utf-8")
            print(page.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
