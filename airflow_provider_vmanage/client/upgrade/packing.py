"""The state of an upgrade as a short text, for a trigger's arguments and a task's store.

Airflow encrypts a trigger's arguments, which makes them a third longer, and MySQL takes 64 KiB of them. So devices are
named by their place in the plan, and what the plan says of them is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from airflow_provider_vmanage.client.device_actions.compressed import compress_json, expand_json
from airflow_provider_vmanage.client.device_actions.state import ActionState
from airflow_provider_vmanage.client.health import DeviceHealth
from airflow_provider_vmanage.client.upgrade.planned import PlannedRow, PlannedUpgrade
from airflow_provider_vmanage.client.upgrade.progress import DeviceProgress, UpgradeState, WaveProgress

_Value = TypeVar("_Value")

#: fields of a device that the plan has too, and their names there
_PLANNED = {"name": "device", **{one: one for one in ("device_id", "role", "system_ip", "site_id", "platform_family")}}


def pack(state: UpgradeState, plan: PlannedUpgrade) -> str:
    """Return the state as text.

    :param plan: whose devices the state is about.
    """
    rows = plan.rows
    plain: dict[str, Any] = {one.name: getattr(state, one.name) for one in fields(state)}
    plain.update(
        devices=_column({key: one.as_json() for key, one in state.devices.items()}, rows),
        baseline=_column({key: one.as_json() for key, one in state.baseline.items()}, rows),
        good_since=_column(state.good_since, rows),
        found=_places(state.found, rows),
        under_way=_places(state.under_way, rows),
        waves=[asdict(one) for one in state.waves],
        action=state.action and _short_action(state.action, rows),
    )
    return compress_json(plain)


def unpack(text: str, plan: PlannedUpgrade) -> UpgradeState:
    """Return the state that :func:`pack` has written.

    :raises ValueError: the text is another one, or of another plan.
    """
    plain = expand_json(text)
    if plain["digest"] != plan.digest:
        raise ValueError(f"the state is of the plan {plain['digest']}, not of {plan.digest}")
    rows = plan.rows
    known: dict[str, Any] = {
        "devices": {key: DeviceProgress.from_json(one) for key, one in _from_column(plain["devices"], rows).items()},
        "baseline": {key: DeviceHealth(**one) for key, one in _from_column(plain["baseline"], rows).items()},
        "good_since": _from_column(plain["good_since"], rows),
        "found": tuple(rows[place].device_id for place in plain["found"]),
        "under_way": tuple(rows[place].device_id for place in plain["under_way"]),
        "waves": tuple(WaveProgress(**one) for one in plain["waves"]),
        "action": plain["action"] and _long_action(plain["action"], rows),
        "limits": plain["limits"] and tuple(plain["limits"]),
        "warnings": tuple(plain["warnings"]),
    }
    return UpgradeState(**{**plain, **known})


def _column(values: Mapping[str, _Value], rows: Sequence[PlannedRow]) -> list[_Value | None]:
    return [values.get(row.device_id) for row in rows]


def _from_column(values: Sequence[_Value | None], rows: Sequence[PlannedRow]) -> dict[str, _Value]:
    return {row.device_id: one for row, one in zip(rows, values, strict=True) if one is not None}


def _places(device_ids: Iterable[str], rows: Sequence[PlannedRow]) -> list[int]:
    places = {row.device_id: place for place, row in enumerate(rows)}
    return [places[one] for one in device_ids]


def _short_action(action: ActionState, rows: Sequence[PlannedRow]) -> dict[str, Any]:
    works = _places((work.target.device_id for work in action.works), rows)
    plain = action.as_json()
    plain["works"] = [
        [place, _short_work(work, rows[place])] for place, work in zip(works, plain["works"], strict=True)
    ]
    for job in plain["jobs"]:
        job["device_ids"] = _places(job["device_ids"], rows)
        if job["verdicts"] is not None:
            job["verdicts"] = list(zip(_places(job["verdicts"], rows), job["verdicts"].values(), strict=True))
    return plain


def _long_action(plain: dict[str, Any], rows: Sequence[PlannedRow]) -> ActionState:
    plain["works"] = [_long_work(work, rows[place]) for place, work in plain["works"]]
    for job in plain["jobs"]:
        job["device_ids"] = [rows[place].device_id for place in job["device_ids"]]
        if job["verdicts"] is not None:
            job["verdicts"] = {rows[place].device_id: one for place, one in job["verdicts"]}
    return ActionState.from_json(plain)


def _short_work(work: Mapping[str, Any], row: PlannedRow) -> dict[str, Any]:
    planned = {name: getattr(row, there) for name, there in _PLANNED.items()}
    device = {name: value for name, value in work["device"].items() if value != planned.get(name)}
    target = {name: value for name, value in work["target"].items() if name != "device_id"}
    rest = {name: value for name, value in work.items() if value is not None}
    return {**rest, "device": device, "target": target}


def _long_work(work: Mapping[str, Any], row: PlannedRow) -> dict[str, Any]:
    device = {**{name: getattr(row, there) for name, there in _PLANNED.items()}, **work["device"]}
    return {**work, "device": device, "target": {**work["target"], "device_id": row.device_id}}
