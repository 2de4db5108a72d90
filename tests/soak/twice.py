"""Actions that a manager received twice: counted from its own records, without anything of the client.

A second request of an action and version for a device is one too many while the first may still be at work, if the
first has done what it should, or if the first may have rebooted the device in the same operation. Afterwards a person
has checked the device, and may send it again; an installation that the device still needs may be repeated.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_provider_vmanage.simulator.upgrade.book import ReceivedAction

#: whether a device is as an action should make it; versions are spelled as on the device
_IS_DONE: Mapping[str, Callable[[Mapping[str, Any], Sequence[str]], bool]] = {
    "changepartition": lambda found, versions: found["version"] in versions,
    "defaultpartition": lambda found, versions: found["defaultVersion"] in versions,
    "removepartition": lambda found, versions: not {*versions} & {*found["availableVersions"]},
}


def sent_twice(actions: Sequence[ReceivedAction], begun: Mapping[str, Sequence[int]]) -> list[str]:
    """Return a line for each device in a request that was sent once too often.

    :param actions: all that a manager has received, in order.
    :param begun: for each device, how many actions had been received when each of its operations began.
    """
    earlier: dict[Any, list[tuple[int, ReceivedAction]]] = defaultdict(list)
    lines = []
    for number, one in enumerate(actions):
        if one.device not in begun or one.action == "reboot":
            continue  # somebody else's
        operation = bisect_right(begun[one.device], number)
        sent = earlier[one.action, one.device, _versions(one)]
        if why := _why_too_many(one, operation, sent):
            lines.append(f"{one.action} of {'/'.join(_versions(one))} for {one.device} was sent twice: {why}")
        if one.process_id is not None:  # what was refused has no effect
            sent.append((operation, one))
    return lines


def _why_too_many(one: ReceivedAction, operation: int, sent: Sequence[tuple[int, ReceivedAction]]) -> str | None:
    if any(other.process_id in one.busy_with for _, other in sent):
        return "the first is still at work"
    if sent and _is_done(one):
        return "the first has done it"
    if any(other.reboots and number == operation for number, other in sent):
        return "the first may have rebooted it"
    return None


def _is_done(one: ReceivedAction) -> bool:
    if one.action == "install":
        found = [one.found["version"], *([] if one.reboots else one.found["availableVersions"])]
        return bool({*_versions(one)} & {*found})
    return one.action in _IS_DONE and _IS_DONE[one.action](one.found, _versions(one))


def _versions(one: ReceivedAction) -> tuple[str, ...]:
    """Return the versions, spelled as on a device: without the sixth part of an image."""
    given = one.version if isinstance(one.version, list) else [one.version]
    return tuple(sorted(".".join(str(version).split(".")[:5]) for version in given))
