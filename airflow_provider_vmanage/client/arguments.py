"""Arguments of changing calls, checked before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_vmanage.client.errors import VManageConfigurationError

IF_EXISTS = ("skip", "replace", "fail")
IF_MISSING = ("skip", "fail")


def require_text(value: str | None, field: str) -> str:
    """Return the text without blanks at its ends.

    :raises VManageConfigurationError: empty or blank.
    """
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise VManageConfigurationError(f"{field} is {value!r}: give a text that is not blank")
    return text


def check_choice(value: str, choices: Sequence[str], field: str) -> None:
    """Do nothing where the value is one of the choices.

    :raises VManageConfigurationError: it is not.
    """
    if value not in choices:
        raise VManageConfigurationError(f"{field} is {value!r}: use one of {', '.join(choices)}")


def one_selector(selectors: dict[str, str | None]) -> tuple[str, str]:
    """Return name and value of the only selector that is given.

    :raises VManageConfigurationError: none or several are.
    """
    given = {name: value for name, value in selectors.items() if value is not None}
    names = ", ".join(selectors)
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        raise VManageConfigurationError(f"{found} given: give exactly one of {names}")
    ((name, value),) = given.items()
    return name, require_text(value, name)
