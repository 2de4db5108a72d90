"""What goes wrong in a soak: requests to a manager, devices, and the manager itself."""

from __future__ import annotations

import random
from typing import Any

from airflow_provider_vmanage.simulator import Simulator
from tests.soak.tally import Tally

Fault = tuple[str, dict[str, Any]]

#: of any request
FAULTS: list[Fault] = [
    *((f"expired_{shape}", {}) for shape in "abcdef"),
    ("expired_f", {"killed": True}),
    *((name, {"retry_after": seconds}) for name in ("http_429", "http_503") for seconds in (None, 1)),
    *((name, {}) for name in ("http_500", "http_502", "http_504", "error_500", "html_200", "gzip", "redirect")),
    *((name, {}) for name in ("truncated_json", "data_null", "data_missing", "data_wrong_type", "short_body")),
    *((name, {}) for name in ("reset_before", "reply_lost", "reset_during_upload", "reset_after_body")),
    ("slow", {"delay": 0.5}),
    ("session_death_in_upload", {"linger": 0.5}),
    ("early_403", {"linger": 0.5}),
    *((name, {}) for name in ("gateway_timeout_stored", "gateway_timeout_not_stored")),
    ("late_listing", {"lists": 2}),
]

#: of the status of a task on devices, whose id has an underscore, and of lists of devices
READ_FAULTS: list[Fault] = [
    (
        "status",
        {
            "method": "GET",
            "path": "device/action/status/*_*",
            "status": 200,
            "content_type": "application/json",
            "body": {"data": [], "validation": {"status": "Validation success"}, "summary": {"status": "in_progress"}},
        },
    ),
    *(("html_200", {"method": "GET", "path": f"device/action/{path}"}) for path in ("status/*", "*/devices/*")),
]

#: of the request for an action: it was carried out and its response is lost, or it was not carried out
_ACTION_FAULTS: list[Fault] = [
    *[("reply_lost", {}), ("html_200", {"done": True}), ("error_500", {"done": True})] * 2,
    *((name, {}) for name in ("html_200", "reset_before", "http_503", "expired_a", "expired_f")),
    ("http_429", {"retry_after": 1}),
    ("slow", {"delay": 0.7}),
]

_PATHS = {
    "install": ("install",),
    "activate": ("changepartition",),
    "default": ("defaultpartition",),
    "remove": ("removepartition",),
    "upgrade": ("install", "changepartition", "changepartition", "defaultpartition"),
}


def faults_of(kind: str, chosen: random.Random) -> list[Fault]:
    """Return faults that suit a task of this kind: one of several lists."""
    if kind not in _PATHS:
        return chosen.choice((FAULTS, READ_FAULTS))
    place = {"method": "POST", "path": f"device/action/{chosen.choice(_PATHS[kind])}"}
    action_faults = [(name, {**options, **place}) for name, options in _ACTION_FAULTS]
    return chosen.choice((FAULTS, READ_FAULTS, action_faults, action_faults))


#: how a device can behave; most of them well
BEHAVIOURS: list[dict[str, Any]] = [
    *({} for _ in range(60)),
    *({"fails_at": where} for where in ("download", "activation", "action")),
    *({"ends_as": word} for word in ("Skipped", "Time out", "Mystery")),
    {"reports": "Failure"},
    {"lies": True},
    {"comes_back_old": True},
    {"comes_back_old": True, "lies": True},
    {"fails_validation": True},
    {"stays_down": 1.0},
    {"notice_after": 0.3},
    {"loses_colour": "biz-internet"},
    {"second_reboot": True},
    {"goes_missing": True},
]

#: of a device that behaves well
WELL: dict[str, Any] = {
    **dict.fromkeys(("fails_at", "ends_as", "reports", "loses_colour")),
    **dict.fromkeys(("lies", "comes_back_old", "fails_validation", "second_reboot", "goes_missing"), False),
    **dict.fromkeys(("stays_down", "notice_after"), 0.0),
}


def add_fault(vm: Simulator, chosen: random.Random, faults: list[Fault], tally: Tally) -> None:
    """Let one or two of the next requests fail."""
    fault, options = chosen.choice(faults)
    times = chosen.choice((1, 1, 2))
    vm.faults.add(fault, times=times, **options)
    tally.add("faults")
    # A page instead of data reads as a dead session, so the client retires a live one.
    tally.add(f"pages {id(vm)}", times * (fault == "html_200"))
