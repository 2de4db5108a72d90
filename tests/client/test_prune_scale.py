"""The use of many images by many devices is found without comparing each with each."""

from __future__ import annotations

import time
from datetime import datetime, timezone

import pytest

from airflow_provider_vmanage.client.desired_state.prune import PruneRules, choose_images
from airflow_provider_vmanage.client.device_actions.usage import Usage
from airflow_provider_vmanage.client.devices import Device
from airflow_provider_vmanage.client.models import SoftwareImage

IMAGES, DEVICES, VERSIONS = 1_000, 8_000, 12_000


@pytest.mark.slow
def test_thousands_of_images_and_devices_take_under_a_second() -> None:
    versions = [f"17.{number // 100}.{number % 100}.0.{number}" for number in range(VERSIONS)]
    images = [
        SoftwareImage(f"{versions[number]}.1", str(number), platform_family=("isr4300",)) for number in range(IMAGES)
    ]
    devices = tuple(
        Device(f"d{number}", versions[number], versions[-number], tuple(versions[number : number + 3]), reachable=False)
        for number in range(DEVICES)
    )
    started = time.process_time()
    chosen = choose_images(images, PruneRules(keep=2), Usage(devices), datetime.now(timezone.utc))
    spent = time.process_time() - started
    assert (len(chosen.keep), len(chosen.remove)) == (IMAGES, 0)
    assert spent < 1
