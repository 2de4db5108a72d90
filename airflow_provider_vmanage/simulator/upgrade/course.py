"""The course of each action on one device: lines of activity in time, and what changes on the device.

Lines of an install with activation and their times: a published log of a vEdge (20.3.5 to 20.6.3), times of a c8000v;
all other lines are invented. A course is a generator: it yields steps, receives the moment of each, and returns why it
failed, or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass

from airflow_provider_vmanage.simulator.devices.device import Device
from airflow_provider_vmanage.simulator.devices.versions import (
    install_version,
    lacks,
    on_device,
    remove_versions,
    set_default_version,
)

BOOT_MINUTES = 4.0  # measured for a c8000v
USUAL_CHECKS = 12  # of 60, one every half minute; a vEdge took 22
MAX_CHECKS = 60


@dataclass(frozen=True)
class Step:
    """A line of activity, so many minutes after the line before.

    :param after_outage: Only after the manager itself has restarted.
    """

    minutes: float
    line: str
    after_outage: bool = False


Course = Generator[Step, float, "str | None"]


@dataclass(frozen=True)
class Image:
    """An image as an install finds it."""

    version: str
    file_name: str
    url: str


def install(device: Device, find: Callable[[Device], Image | str], activate: bool) -> Course:
    """Install an image, and activate it if asked.

    :param find: The image for the device, or why there is none.
    """
    yield from _begin("Software Install")
    yield Step(0.1, f"Installing {'and activating ' * activate}software image")
    image = find(device) if device.reachable else _NOT_REACHABLE
    if isinstance(image, str):
        return image
    yield Step(0.0, f"Current active partition: {device.record['version']}")
    yield Step(0.0, f"Upgrade Requested for SW version : {image.version}")
    yield Step(0.1, "Configuring upgrade confirm timer to 15 minutes")
    yield from _download(device, image)
    if device.behaviour.fails_at == "download":
        return f"Failed to download {image.file_name}"
    yield Step(0.5, "Device: Signature verification Suceeded.")
    yield Step(1.5, f"Device: Installed {image.version}")
    named = on_device(image.version)
    if not device.behaviour.changes_nothing:
        install_version(device.record, image.version)
    return (yield from _activate(device, named)) if activate else None


def activate(device: Device, version: str) -> Course:
    """Run an installed version, which takes a reboot."""
    yield from _begin("Change Partition")
    return (yield from _activate(device, version))


def set_default(device: Device, version: str) -> Course:
    """Make an installed version the default."""
    return (yield from _plain(device, "Set Default Partition", lambda: set_default_version(device.record, version)))


def remove(device: Device, versions: list[str]) -> Course:
    """Take versions off."""
    return (yield from _plain(device, "Delete Partition", lambda: remove_versions(device.record, versions)))


def deactivate(device: Device, version: str) -> Course:
    """Undo a patch (SMU); the simulator knows none, so nothing changes."""
    return (yield from _plain(device, "Deactivate", lambda: lacks(device.record, version)))


def reboot(device: Device) -> Course:
    """Reboot, the version as it is."""
    yield from _begin("Reboot")
    yield Step(0.1, "Reboot requested")
    if not device.reachable:
        return _NOT_REACHABLE
    if device.behaviour.fails_at == "action":
        return _FAILED
    return (yield from _restart(device, "Rebooting device", None, "Initiated by user - Reboot issued via NETCONF"))


def _begin(name: str) -> Generator[Step, float, None]:
    yield Step(0.0, f"{name} action submitted for execution")
    yield Step(0.0, f"Executing device action {name}")


def _download(device: Device, image: Image) -> Generator[Step, float, None]:
    address = f"{image.url}{image.file_name}?deviceId={device.record.get('system-ip')}"
    colour = device.colours[0] if device.colours else "default"
    yield Step(0.0, f"Software image: {image.file_name}")
    yield Step(0.0, "Software image download may take upto 60 minutes")
    yield Step(0.1, f"Connection Instance: 1, Color: {colour}")
    yield Step(0.0, f"Device: Downloading {address}")
    if device.behaviour.fails_at != "download":
        yield Step(2.7, f"Device: Downloaded {address}")
    else:
        yield Step(2.0, "Device: Connection to the image server lost")


def _activate(device: Device, version: str) -> Course:
    yield Step(0.1, f"Activating SW version {version}")
    if not device.reachable:
        return _NOT_REACHABLE
    if not device.behaviour.changes_nothing and (why := lacks(device.record, version)):
        return why
    if version == device.record["version"]:
        return None
    if device.behaviour.fails_at == "activation":
        return f"Failed to activate {version}"
    words = "Rebooting device to other partition. Device may take up to 30 minutes before it comes online"
    why = yield from _restart(device, words, version, f"Activation of {version}")
    if why is None and device.behaviour.comes_back_old and not device.behaviour.lies:
        return f"Device runs {device.record['version']}, not {version}"
    if why is None:
        yield Step(0.5, "vManage: Sending upgrade-confirm to device")
        yield Step(0.5, "Operation status verification done.")
    return why


def _restart(device: Device, words: str, version: str | None, reason: str) -> Course:
    moment = yield Step(0.1, words)
    if not device.behaviour.changes_nothing:
        device.restart(moment, BOOT_MINUTES, reason, version)
    never = math.isinf(device.behaviour.stays_down)
    for number in range(1, (MAX_CHECKS if never else USUAL_CHECKS) + 1):
        line = f"({number}/{MAX_CHECKS}) Operation status being verified by vManage"
        moment = yield Step(0.5, line, after_outage=number == 1)
    device.advance(moment)
    return "Device did not come back within 30 minutes" if never else None


def _plain(device: Device, name: str, change: Callable[[], str | None]) -> Course:
    yield from _begin(name)
    yield Step(0.2, f"{name} requested")
    if not device.reachable:
        return _NOT_REACHABLE
    if device.behaviour.fails_at == "action":
        return _FAILED
    return None if device.behaviour.changes_nothing else change()


_NOT_REACHABLE = "The device is not reachable"
_FAILED = "The device refused the action"
