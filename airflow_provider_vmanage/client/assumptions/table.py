"""How an assumption is written down, together with its check.

A check reads what was seen and returns what differs, or nothing. It never sends a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from airflow_provider_vmanage.client.assumptions.seen import Seen, Unseen

AS_ASSUMED, DIFFERS, NOT_SEEN = "as assumed", "differs", "not seen"

#: how sure the source of an assumption makes it
MARKS = {
    "D": "documented by Cisco",
    "L": "live capture of a third party",
    "C": "read in the code of a public client",
    "I": "inferred",
    "U": "unknown: no source was found, and the simulator's behaviour is invented",
}

#: what shows it: the reads, an option of the check, or an action on a device, which no check sends
READ, WRITE, EXPIRY, ACTION = "read", "write", "expiry", "action"

#: returns what differs, in words that name no value of the manager; empty text or ``None`` if nothing does
Check = Callable[[Seen], "str | None"]


@dataclass(frozen=True)
class Assumption:
    """One fact that the code relies on.

    :param id: stable name, such as ``good-login-is-empty``.
    :param sentence: the fact.
    :param mark: one of :data:`MARKS`.
    :param source: where the fact comes from.
    :param otherwise: what the code does if a manager behaves in another way.
    :param needs: ``read``, ``write`` or ``expiry``: the part of the check that can see it; ``action``: none can.
    :param check: compares it with what was seen.
    """

    id: str
    sentence: str
    mark: str
    source: str
    otherwise: str
    needs: str
    check: Check = field(repr=False)


@dataclass(frozen=True)
class Result:
    """The result of one check.

    :param outcome: ``as assumed``, ``differs`` or ``not seen``.
    :param seen: what was seen instead, or why nothing was; it holds no value of the manager.
    """

    assumption: Assumption
    outcome: str
    seen: str = ""


class Table:
    """The assumptions about one subject, in the order in which they are written down."""

    def __init__(self) -> None:
        self.rows: list[Assumption] = []

    def add(self, mark: str, source: str, *, otherwise: str, needs: str = READ) -> Callable[[Check], Check]:
        """Return a decorator that adds an assumption: the first line of the check's docstring, under its name as id.

        :raises ValueError: there is no such mark.
        """
        if mark not in MARKS:
            raise ValueError(f"mark is {mark!r}: use one of {', '.join(MARKS)}")

        def decorate(check: Check) -> Check:
            name = getattr(check, "__name__", "").replace("_", "-")
            sentence = (check.__doc__ or name).partition("\n")[0]
            self.rows.append(Assumption(name, sentence, mark, source, otherwise, needs, check))
            return check

        return decorate


def judge(assumptions: Iterable[Assumption], seen: Seen) -> list[Result]:
    """Return the result of each check; one that fails in any way has seen nothing."""
    return [_judge(one, seen) for one in assumptions]


def _judge(assumption: Assumption, seen: Seen) -> Result:
    try:
        difference = assumption.check(seen)
    except Unseen as err:
        return Result(assumption, NOT_SEEN, str(err))
    except Exception as err:  # noqa: BLE001 - a response that no check expects must not end the report
        # Only its kind: the text of the error may quote the response.
        return Result(
            assumption, DIFFERS, f"the check failed with {type(err).__name__}: the response has another shape"
        )
    return Result(assumption, DIFFERS, difference) if difference else Result(assumption, AS_ASSUMED)
