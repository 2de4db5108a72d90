"""Carries one operation out, with one trouble, and gathers everything that it leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG, BaseOperator

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest
from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.settings import ManagerSettings
from airflow_provider_vmanage.client.software_upgrade import SoftwareUpgrade
from airflow_provider_vmanage.hooks.vmanage import VManageHook
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    DownloadImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    PlanUpgradeOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
    UpgradeDevicesOperator,
)
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.sensors.software_upgrade import DeviceTaskSensor, DeviceVersionSensor
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger, ImageVersionTrigger
from airflow_provider_vmanage.triggers.software_upgrade import DeviceTaskTrigger, DeviceVersionTrigger
from airflow_provider_vmanage.waiting.poll import poll_of
from tests.recorded_time import RecordedTime
from tests.secrets.search import texts_of
from tests.secrets.troubles import OF_A_TASK, OLD, REMOTE_PASSWORD, SIGNATURE, URL_PASSWORD, URL_TOKEN
from tests.triggers.event_loop import first_event

if TYPE_CHECKING:
    from airflow.triggers.base import BaseTrigger

EDGE, RUNNING, INSTALLED, NEWEST = "edge-1", "17.09.04.0.4733", "17.12.04.0.6740", "17.15.03.0.176"
CONTENT = b"an image"
DIGESTS = {"new-20.15.1.bin": hashlib.sha512(CONTENT), OLD: hashlib.sha512(b"image")}
CHECKSUMS = "".join(f"{digest.hexdigest()}  {name}\n" for name, digest in DIGESTS.items()).encode()


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """An HTTP server that gives an image or a list of checksums to anybody; host and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = CHECKSUMS if self.path.startswith("/SHA512SUMS") else CONTENT
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def log() -> Iterator[Callable[[], str]]:
    """Every record of every logger at DEBUG, tracebacks too, before Airflow's masker has seen it."""
    written: list[logging.LogRecord] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = written.append  # type: ignore[method-assign]
    root = logging.getLogger()
    before = root.level, HTTPConnection.debuglevel
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    format_record = logging.Formatter("%(name)s %(levelname)s %(message)s").format
    yield lambda: "\n".join(map(format_record, written))
    root.removeHandler(handler)
    root.setLevel(before[0])
    assert HTTPConnection.debuglevel == before[1] == 0


@dataclass
class Left:
    """What an operation leaves behind: places that must hold no secret, before and after Airflow's masker."""

    raw: dict[str, str] = field(default_factory=dict)
    masked: dict[str, str] = field(default_factory=dict)
    error: BaseException | None = None


@pytest.fixture
def perform(
    log: Callable[[], str],
    store: str,
    run: Callable[..., Any],
    redact: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
    recorded_time: RecordedTime,
) -> Callable[[Simulator, str], Left]:
    """Carries an operation out and gathers what it leaves behind; waits are skipped."""

    def do(vm: Simulator, operation: str) -> Left:
        left = Left()
        hook = VManageHook(clock=recorded_time)
        task = _task(vm, operation, store)
        if task is not None:
            task.render_template_fields({"params": _params(store)})
            task.hook = hook
        action = partial(run, task) if task is not None else partial(_with_hook, vm, hook, operation)
        if operation == "cancel":
            task.process_ids = [_process_id(vm)]
            action = task.on_kill
        try:
            left.raw["result"] = json.dumps(action())
        except Exception as err:  # noqa: BLE001 - whatever it is, it must show no secret
            left.error = err
            left.raw.update(texts_of(err))
            if isinstance(err, VManageError):
                left.raw["pickle"] = str(pickle.dumps(err))
        left.raw["repr"] = _shown(hook)
        rendered = {name: getattr(task, name) for name in task.template_fields} if task is not None else {}
        links = [str(vars(link)) for link in getattr(task, "operator_extra_links", ())]
        streams = capsys.readouterr()
        left.masked = {"out": redact(streams.out), "err": redact(streams.err)}
        left.masked |= {"rendered": redact(json.dumps(rendered)), "task": redact(f"{task!r} {links}")}
        left.raw["log"] = log()
        return left

    return do


_ON_EDGE: dict[str, Any] = {"devices": [EDGE], "timeout": 120, "poll_interval": 1}


def add_edge(vm: Simulator, operation: str) -> None:
    """Add a device with two versions and an image for it, and begin the task that an operation is about."""
    vm.add_device(EDGE, "vedge", RUNNING, availableVersions=[INSTALLED])
    vm.add_image("edge.bin", version=NEWEST, platform_family=("vedge-x86",))
    if operation in OF_A_TASK:
        settings = ManagerSettings(vm.url, username=vm.username, password=vm.password, ca_bundle=vm.ca_bundle)
        with ManagerSession(settings) as session:
            SoftwareUpgrade(session).submit(ActionRequest(ActionKind.ACTIVATE), [EDGE], [INSTALLED])


def _plan(vm: Simulator) -> dict[str, Any]:
    """Return a plan to activate the installed version on the edge."""
    names = {"from_version": RUNNING, "version": INSTALLED, "step": "activate", "role": "vedge"}
    edges = [one for one in vm.devices if one["host-name"] == EDGE]
    return {
        "waves": [[{"device": EDGE, "device_id": one["uuid"], "system_ip": one["system-ip"], **names}] for one in edges]
    }


def _process_id(vm: Simulator) -> str:
    return str(vm.actions[-1].process_id) if vm.actions else "none"


def _params(store: str) -> dict[str, str]:
    return {
        "url": f"ftp://joe:{URL_PASSWORD}@images.invalid/20.15/?sig={SIGNATURE}",
        "token_url": f"https://{URL_TOKEN}@images.invalid/20.15/",
        "source": f"http://joe:{URL_PASSWORD}@{store}/new-20.15.1.bin?sig={SIGNATURE}",
        "checksums": f"file:http://{URL_TOKEN}@{store}/SHA512SUMS?sig={SIGNATURE}",
    }


def _task(vm: Simulator, operation: str, store: str) -> Any:
    kinds: dict[str, Callable[..., BaseOperator]] = {
        "list": ListImagesOperator,
        "add": partial(AddRepoOperator, version_name="20.15", version_url="{{ params.url }}"),
        "add with a token": partial(AddRepoOperator, version_name="20.15", version_url="{{ params.token_url }}"),
        "replace a URL": partial(
            AddRepoOperator, version_name="old", version_url="{{ params.url }}", if_exists="replace"
        ),
        "upload": partial(UploadImageOperator, source="{{ params.source }}", listing_timeout=0.05),
        "upload with a list": partial(
            UploadImageOperator,
            source="{{ params.source }}",
            checksum="{{ params.checksums }}",
            listing_timeout=0.05,
        ),
        "download": partial(
            DownloadImageOperator,
            file_name=OLD,
            target=f"{vm.storage}/",
            checksum="{{ params.checksums }}",
        ),
        "delete": partial(DeleteImageOperator, file_name=OLD),
        "plan an upgrade": partial(PlanUpgradeOperator, version="20.12.3", device_type="vmanage", allow_downgrade=True),
        "upgrade": partial(UpgradeDevicesOperator, plan=_plan(vm), timeout=120, poll_interval=1, stable_for=1),
        "wait": partial(ImageVersionSensor, version="20.12.3", timeout=0.01, poke_interval=0.001),
        "install": partial(InstallSoftwareOperator, version=NEWEST, **_ON_EDGE),
        "activate": partial(ActivateSoftwareOperator, version=INSTALLED, **_ON_EDGE),
        "set default": partial(SetDefaultSoftwareOperator, version=INSTALLED, **_ON_EDGE),
        "remove": partial(RemoveSoftwareOperator, version=INSTALLED, **_ON_EDGE),
        "cancel": partial(ActivateSoftwareOperator, version=INSTALLED, cancel_on_kill=True, **_ON_EDGE),
        "version on devices": partial(DeviceVersionSensor, devices=[EDGE], version=RUNNING, timeout=1),
        "task": partial(DeviceTaskSensor, process_id=_process_id(vm), timeout=1, poke_interval=0.001),
    }
    if operation not in kinds:
        return None
    with DAG("secrets", schedule=None):
        return kinds[operation](task_id="t")


def _with_hook(vm: Simulator, hook: VManageHook, operation: str) -> Any:
    if "trigger" in operation or operation == "watch":
        return asyncio.run(_in_the_triggerer(vm, operation))
    if operation == "test":
        return hook.test_connection()
    body = {"remoteServerName": "store", "remoteServerUser": "joe", "remoteServerPassword": REMOTE_PASSWORD}
    with hook:
        return hook.request("POST", "device/action/remote-server", json=body).body


async def _in_the_triggerer(vm: Simulator, operation: str) -> list[str]:
    """The first event of a trigger, or what it is when nothing comes, and all that Airflow stores and shows of it."""
    triggers: dict[str, BaseTrigger] = {
        "trigger": ImageVersionTrigger(version="20.12.3", poke_interval=0, max_consecutive_failures=1),
        "watch": ImageAvailableTrigger(poke_interval=0.001, emit_existing=True),
        "task trigger": DeviceTaskTrigger(process_ids=[_process_id(vm)], poll_interval=0.001, max_unavailable=0),
        "version trigger": DeviceVersionTrigger(
            device_ids={vm.devices[-1]["uuid"]: RUNNING}, poll_interval=0.001, max_unavailable=0
        ),
    }
    trigger = triggers[operation]
    task = asyncio.get_running_loop().create_task(first_event(trigger))
    poll = poll_of("vmanage_default")
    may_go_on = vm.faults.pending or operation == "watch"
    await asyncio.wait([task], timeout=0.3 if may_go_on else 30)
    hooks = [part for part in parts_of(poll) if isinstance(part, VManageHook)]
    shown = [repr(trigger), repr(vars(trigger)), repr(vars(poll)), *map(_shown, hooks)]
    task.cancel()
    await asyncio.wait([task])
    event = "" if task.cancelled() else repr(task.result())
    return [*shown, event, str(trigger.serialize())]


def _shown(hook: VManageHook) -> str:
    session = [hook.get_conn()] if "settings" in vars(hook) else []
    return " ".join([str(hook), repr(vars(hook)), *map(repr, parts_of([hook, *session]))])


def parts_of(value: Any, seen: dict[int, Any] | None = None) -> list[Any]:
    """Return every object of the package that can be reached from a value, itself included."""
    seen = {} if seen is None else seen
    if id(value) in seen:
        return []
    seen[id(value)] = value
    if isinstance(value, list | tuple | set | frozenset):
        return [part for one in value for part in parts_of(one, seen)]
    if isinstance(value, dict):
        return parts_of(list(value.values()), seen)
    if not type(value).__module__.startswith("airflow_provider_vmanage."):
        return []
    return [value, *parts_of(list(vars(value).values()) if hasattr(value, "__dict__") else [], seen)]
