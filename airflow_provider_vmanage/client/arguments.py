"""Checks of what a caller gives: each returns the value to use, or raises before anything is sent."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Sequence
from typing import Any

from airflow_provider_vmanage.client.errors import VManageConfigurationError

IF_EXISTS = ("skip", "replace", "fail")
IF_MISSING = ("skip", "fail")

_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no")


def require_text(value: str | None, field: str) -> str:
    """Return the text without surrounding whitespace.

    :param value: what was given.
    :param field: name of the field, for the error.
    :raises VManageConfigurationError: it is empty, blank or not text.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise VManageConfigurationError(f"{field} is {value!r}: give a text that is not blank")
    return text


def check_choice(value: str, choices: Sequence[str], field: str) -> None:
    """Raise an error if the value is not one of the choices.

    :raises VManageConfigurationError: naming the choices.
    """
    if value not in choices:
        raise VManageConfigurationError(f"{field} is {value!r}: use one of {', '.join(choices)}")


def one_selector(selectors: dict[str, str | None]) -> tuple[str, str]:
    """Return the name and the value of the only selector that is given.

    :raises VManageConfigurationError: none or several are given.
    """
    given = {name: value for name, value in selectors.items() if value is not None}
    names = ", ".join(selectors)
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise VManageConfigurationError(f"{found} given: give exactly one of {names}")
    ((name, value),) = given.items()
    return name, require_text(value, name)


def check_file_name(name: str) -> str:
    """Return the name that an image gets on the manager.

    :raises VManageConfigurationError: it is blank, contains a folder, or has characters that the manager's list, which
        joins names by commas, could not show.
    """
    if require_text(name, "file_name") != name:
        raise VManageConfigurationError(f"file_name is {name!r}: give it without blanks around it")
    bad = next((char for char in name if char in "/\\,[]{}" or not char.isprintable()), "")
    if bad or name in (".", ".."):
        what = repr(bad) if bad else "no name"
        raise VManageConfigurationError(f"file_name {name!r} has {what} in it: the manager's list could not show it")
    return name


def quoted_file_name(name: str) -> str:
    """Return the name as browsers write it into the header of a part (HTML standard, multipart/form-data).

    Whether a manager turns ``%22`` back into a quote is not known, so the list is searched for both.
    """
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def parse_bool(value: Any, *, field: str) -> bool:
    """Return the truth value of a boolean or its text.

    :param value: true or false, or one of true/false/1/0/yes/no as text or number.
    :param field: name of the field, for the error.
    :raises VManageConfigurationError: it is anything else.
    """
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise VManageConfigurationError(f"{field} is {value!r}: use true or false")


def parse_limit(value: Any, field: str, *, least: int = 0) -> int:
    """Return a number of images.

    :param value: a whole number, 0 or more.
    :param field: name of the field, for the error.
    :param least: the smallest useful number, for the error; the caller checks it.
    :raises VManageConfigurationError: it is not a whole number, or negative.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise VManageConfigurationError(f"{field} is {value!r}: give a whole number, {least} or more")
    return value


def parse_max_devices(value: Any) -> int:
    """Return a number of devices; it may come as text, which is how a template renders it.

    :raises VManageConfigurationError: it is not a whole number from 1 on.
    """
    number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
    return parse_limit(number, "max_devices", least=1)


def parse_patterns(value: Any, field: str) -> tuple[str, ...]:
    """Return patterns of names; one text without brackets is one pattern.

    :raises VManageConfigurationError: it is not a list of texts, or one of them is blank and would protect nothing.
    """
    if isinstance(value, str) and not value.lstrip().startswith(("[", "(")):
        value = [value] if value.strip() else []
    patterns = parse_plain(value, field)
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(one, str) and one.strip() for one in patterns):
        raise VManageConfigurationError(f"{field} is {value!r}: give a list of patterns such as 'vmanage-20.12.*'")
    return tuple(one.strip() for one in patterns)


def parse_plain(value: Any, field: str) -> Any:
    """Return plain data; text is parsed as JSON or as a Python literal, which is how a template renders it.

    :raises VManageConfigurationError: it is text that is neither.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise VManageConfigurationError(f"{field} is text that is neither JSON nor a Python literal") from None


def parse_seconds(value: Any, field: str) -> float:
    """Return a number of seconds above 0.

    :raises VManageConfigurationError: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise VManageConfigurationError(f"{field} is {value!r}: give a number of seconds above 0")
    return float(value)
