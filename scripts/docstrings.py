"""Docstrings, written in reST, as Markdown that any renderer shows."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_FIELD = re.compile(r":(param|raises|returns)(?: ([\w.]+))?: ?(.*)")
_ROLE = re.compile(r":(?:class|meth|func|mod|data|attr):`~?\.?([^`]+)`")
_RULE = re.compile(r"=+( +=+)+")


@dataclass
class Docstring:
    """The parts of a docstring, as Markdown.

    :param text: everything before the fields.
    :param params: the meaning of each argument.
    :param raises: each error with its condition.
    :param returns: what a function returns.
    """

    text: str = ""
    params: dict[str, str] = field(default_factory=dict)
    raises: list[tuple[str, str]] = field(default_factory=list)
    returns: str = ""


def read_docstring(documented: Any) -> Docstring:
    """Return the docstring of an object.

    :raises ValueError: it has none.
    """
    lines = (inspect.getdoc(documented) or "").splitlines()
    if not lines:
        raise ValueError(f"{documented!r} has no docstring")
    start = next((number for number, line in enumerate(lines) if _FIELD.match(line)), len(lines))
    found = Docstring("\n".join(_blocks(lines[:start])).strip())
    for kind, name, text in _fields(lines[start:]):
        if kind == "param":
            found.params[name] = text
        elif kind == "raises":
            found.raises.append((name, text))
        else:
            found.returns = text
    return found


def inline(text: str) -> str:
    """Return a line of reST as Markdown: roles become the last part of the name, in code."""
    text = _ROLE.sub(lambda role: f"`{role.group(1).rpartition('.')[2]}`", text)
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _fields(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    for block in re.split(r"\n(?=:)", "\n".join(lines)) if lines else ():
        kind, name, first = _FIELD.match(block).groups()  # type: ignore[union-attr]
        rest = block.split("\n", 1)[1] if "\n" in block else ""
        yield kind, name, inline(" ".join([first, *rest.split()]).strip())


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield the lines of the text: paragraphs unwrapped, code and tables as Markdown writes them."""
    for block in re.split(r"\n\n(?! )", "\n".join(lines)):
        if _RULE.match(block):
            yield from _table(block.splitlines())
        elif block.startswith((".. code-block:: ", "::")):
            yield from _code(block)
        elif block.startswith("- "):
            yield inline(block)
        else:
            yield inline(" ".join(block.split()))
        yield ""


def _code(block: str) -> Iterator[str]:
    first, _, code = block.partition("\n")
    yield f"```{first.removeprefix('.. code-block:: ') if first.startswith('..') else 'text'}"
    yield inspect.cleandoc(code)
    yield "```"


def _table(lines: list[str]) -> Iterator[str]:
    edges = [match.start() for match in re.finditer(r"=+", lines[0])]
    spans = list(zip(edges, [*edges[1:], None], strict=True))
    rows = [line for line in lines if not _RULE.match(line)]
    for number, row in enumerate(rows):
        yield "| " + " | ".join(inline(row[begin:end].strip()) for begin, end in spans) + " |"
        if number == 0:
            yield "|---" * len(spans) + "|"
