"""Lists, waits for images and downloads, none of which changes the manager."""

from __future__ import annotations

from functools import partial

from airflow.providers.common.compat.sdk import AirflowSensorTimeout
from hypothesis.stateful import rule

from airflow_provider_vmanage.operators.software_repository import DownloadImageOperator, ListImagesOperator
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from tests.stateful.fleet_model import file_of
from tests.stateful.manager import Manager, rarely, troubles, versions
from tests.stateful.wire import Trouble


class ReadingRules(Manager):
    """What users read of the repository; the invariants see that it stays as it is."""

    @rule()
    def list_images(self) -> None:
        self.count("steps")
        rows = self.done(partial(ListImagesOperator, task_id="t"))
        assert {row["file_name"] for row in rows if row["version_type"] == "vmanage"} == set(map(file_of, self.stored))

    @rule(version=versions, is_deferred=rarely)
    def wait_for_an_image(self, version: str, is_deferred: bool) -> None:
        self.count("steps")
        make = partial(ImageVersionSensor, task_id="t", file_name=file_of(version), timeout=60, poke_interval=20)
        outcome = self.run(make, is_deferred=is_deferred)
        if version in self.stored:
            assert outcome.error is None
            assert outcome.result["file_name"] == file_of(version)
        else:
            assert outcome.kind is AirflowSensorTimeout

    @rule(version=versions, trouble=troubles)
    def download(self, version: str, trouble: Trouble) -> None:
        """The whole image or no file, in the first try and in one after it."""
        self.ask_for({})
        target = self.folder / "downloaded.bin"
        target.unlink(missing_ok=True)
        make = partial(DownloadImageOperator, task_id="t", file_name=file_of(version), target=str(target))
        self.wire.begin(trouble)
        first = self.run(make)
        assert target.exists() is (first.error is None)
        self.clock.sleep(trouble.later)
        self.end_step()
        assert (self.run(make).error is None) is (version in self.stored)
        assert target.exists() is (version in self.stored)
        assert not target.exists() or target.read_bytes() == version.encode()
