"""Classes and functions of the package as sections of a page: signature, docstring, arguments."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from scripts.docstrings import Docstring, inline, read_docstring

REQUIRED = inspect.Parameter.empty
VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
SIMPLE = (bool, int, float, str, tuple, list, type(None))


def find(name: str) -> Any:
    """Return the object of a dotted name: a module, or an attribute of one."""
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def module_text(name: str) -> str:
    """Return the docstring of a module without its first line, which the page's heading says."""
    return read_docstring(importlib.import_module(name)).text.partition("\n")[2].strip()


def arguments_table(name: str) -> str:
    """Return the arguments of a class as a table, and what it raises as another one.

    :param name: dotted name of the class.
    :raises ValueError: an argument has no text, or a text no argument.
    """
    found = find(name)
    documented = read_docstring(found)
    lines = [f"`{name}`", "", "| Argument | Type | Default | Meaning |", "|---|---|---|---|"]
    for parameter in _parameters(found, documented):
        cells = (f"`{parameter.name}`", _type(parameter), _default(parameter), documented.params[parameter.name])
        lines.append(f"| {' | '.join(_cell(cell) for cell in cells)} |")
    if documented.raises:
        lines += ["", "| Raises | When |", "|---|---|"]
        lines += [f"| `{error}` | {_cell(text)} |" for error, text in documented.raises]
    return "\n".join(lines)


def class_section(what: str) -> str:
    """Return docstring, arguments and public members of a class.

    :param what: dotted name of the class, and the members to show; ``-`` for none, ``-name`` for all but this one.
    """
    name, *chosen = what.split()
    return f"`{name}`\n\n{_class_text(find(name), chosen)}"


def _class_text(found: type, chosen: list[str]) -> str:
    documented = read_docstring(found)
    lines = [documented.text, ""]
    if documented.params:
        lines += [*_bullets(found, documented), ""]
    for member in _members(found, chosen):
        lines += [*_member(found, member), ""]
    return _tidy(lines)


def class_sections(name: str) -> str:
    """Return a section for each class of a module.

    :param name: dotted name of the module.
    """
    module = importlib.import_module(name)
    classes = [found for found in vars(module).values() if inspect.isclass(found) and found.__module__ == name]
    return "\n\n".join(f"### {found.__name__}\n\n{_class_text(found, ['-'])}" for found in classes)


def function_section(name: str) -> str:
    """Return signature, docstring and arguments of a function.

    :param name: its dotted name.
    """
    found = find(name)
    return _tidy([f"`{name}{_signature(found)}`", "", *_documented(found)])


def _tidy(lines: list[str]) -> str:
    """Return the lines with one blank line between two blocks."""
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _members(found: type, chosen: list[str]) -> list[str]:
    if named := [name for name in chosen if not name.startswith("-")]:
        return named
    folder = found.__module__.rpartition(".")[0]
    parts = [part for part in found.__mro__ if part.__module__.rpartition(".")[0] == folder]
    values = {name: value for part in parts for name, value in vars(part).items()}
    public = [name for name, value in values.items() if not name.startswith("_") and _is_documented(value)]
    return [] if "-" in chosen else [name for name in public if f"-{name}" not in chosen]


def _is_documented(value: Any) -> bool:
    kinds = (property, cached_property, staticmethod, classmethod)
    return bool(getattr(value, "__doc__", None)) and (inspect.isfunction(value) or isinstance(value, kinds))


def _member(found: type, name: str) -> Iterator[str]:
    member = inspect.getattr_static(found, name)
    if isinstance(member, (staticmethod, classmethod)):
        member = member.__func__
    signature = _signature(member) if inspect.isfunction(member) else ""
    yield f"**`{name}{signature}`**"
    yield ""
    yield from _documented(member)


def _documented(member: Any) -> Iterator[str]:
    documented = read_docstring(member)
    yield documented.text
    yield ""
    if documented.params or documented.raises or documented.returns:
        yield from _bullets(member, documented)
        if documented.returns:
            yield f"- returns {documented.returns}"
        yield from (f"- raises `{error}`: {text}" for error, text in documented.raises)


def _bullets(found: Any, documented: Docstring) -> Iterator[str]:
    known = _arguments(found)
    for name, text in documented.params.items():
        about = _about(known[name]) if name in known else ""
        yield f"- `{name}`{about}: {text}"


def _about(parameter: inspect.Parameter) -> str:
    default = "" if parameter.default is REQUIRED else f"default {_default(parameter)}"
    about = ", ".join(part for part in (_type(parameter), default) if part)
    return f" ({about})" if about else ""


def _parameters(found: Any, documented: Docstring) -> list[inspect.Parameter]:
    """Return the arguments that the signature and the docstring both have."""
    given = {
        name: parameter
        for name, parameter in _arguments(found).items()
        if name not in ("self", "cls") and parameter.kind not in VARIADIC
    }
    if differ := given.keys() ^ documented.params.keys():
        raise ValueError(f"signature and docstring of {found.__qualname__} differ in {', '.join(sorted(differ))}")
    return list(given.values())


def _arguments(found: Any) -> Mapping[str, inspect.Parameter]:
    called = found.__init__ if inspect.isclass(found) else found
    return inspect.signature(inspect.unwrap(called)).parameters if callable(called) else {}


def _signature(function: Any) -> str:
    """Return the arguments of a function as a call shows them, without types."""
    shown, star = [], False
    for name, parameter in inspect.signature(function).parameters.items():
        if name in ("self", "cls"):
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            shown.append("*")
            star = True
        prefix = {inspect.Parameter.VAR_KEYWORD: "**", inspect.Parameter.VAR_POSITIONAL: "*"}.get(parameter.kind, "")
        star = star or prefix == "*"
        shown.append(prefix + name + ("" if parameter.default is REQUIRED else f"={_value(parameter.default)}"))
    return f"({', '.join(shown)})"


def _type(parameter: inspect.Parameter) -> str:
    if parameter.annotation is REQUIRED:
        return ""
    found = parameter.annotation
    text = found if isinstance(found, str) else inspect.formatannotation(found)
    return " or ".join(f"`{part}`" for part in _alternatives(text))


def _alternatives(annotation: str) -> list[str]:
    """Return the parts of ``A | B[C | D]``: ``A`` and ``B[C | D]``."""
    parts: list[str] = []
    for piece in annotation.split(" | "):
        if parts and parts[-1].count("[") > parts[-1].count("]"):
            parts[-1] += f" or {piece}"
        else:
            parts.append(piece)
    return parts


def _default(parameter: inspect.Parameter) -> str:
    return "required" if parameter.default is REQUIRED else f"`{_value(parameter.default)}`"


def _value(default: Any) -> str:
    """Return a default as Python writes it; one that is an object of ours by its class."""
    if inspect.ismodule(default):
        return default.__name__
    return repr(default) if isinstance(default, SIMPLE) else f"{type(default).__name__}()"


def _cell(text: str) -> str:
    return inline(text).replace("|", "\\|")
