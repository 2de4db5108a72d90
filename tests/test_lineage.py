"""What a change leaves behind: asset events, Airflow's lineage collector, OpenLineage."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from airflow.sdk import Asset, AssetAlias

from airflow_provider_vmanage.assets import vmanage_image, vmanage_repository
from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    AddRepoOperator,
    DeleteImageOperator,
    ListImagesOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.12.4-x86_64.tar.gz"
CONTENT = b"an image"
SHA512 = hashlib.sha512(CONTENT).hexdigest()


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None], naps: list[float]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(CONTENT)
    return path


def new_events() -> Any:
    """The events of a task's outlets, as Airflow hands them over."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    return OutletEventAccessors()


def test_the_event_of_an_upload_tells_version_id_size_and_sha512(
    vm: Simulator, run: Callable[..., Any], file: Path
) -> None:
    image, repository = vmanage_image(vm.url, NAME), vmanage_repository(vm.url)
    events = new_events()
    run(
        UploadImageOperator(task_id="t", source=str(file), outlets=[image, repository]),
        {"outlet_events": events},
    )
    told = {
        "action": "uploaded",
        "changed": True,
        "applied": True,
        "version": "20.12.4",
        "version_id": vm.images[0].version_id,
        "file_name": NAME,
        "size": len(CONTENT),
        "sha512": SHA512,
    }
    assert events[image].extra == told
    assert events[repository].extra == told


def test_the_event_of_a_second_run_says_that_nothing_changed(
    vm: Simulator, run: Callable[..., Any], file: Path
) -> None:
    vm.add_image(NAME, content=CONTENT)
    image = vmanage_image(vm.url, NAME)
    events = new_events()
    run(UploadImageOperator(task_id="t", source=str(file), outlets=[image]), {"outlet_events": events})
    assert (events[image].extra["action"], events[image].extra["changed"]) == ("unchanged", False)


def test_an_alias_becomes_the_asset_of_the_image(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    alias = AssetAlias("new_images")
    events = new_events()
    run(UploadImageOperator(task_id="t", source=str(file), outlets=[alias]), {"outlet_events": events})
    (event,) = events[alias].asset_alias_events
    assert event.dest_asset_key.uri == vmanage_image(vm.url, NAME).uri
    assert event.extra["sha512"] == SHA512


def test_add_and_delete_tell_as_well(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image(NAME)
    asset = vmanage_repository(vm.url)
    told = []
    for task in (
        AddRepoOperator(task_id="a", version_name="20.15", version_url="https://x.example.com/", outlets=[asset]),
        DeleteImageOperator(task_id="d", file_name=NAME, outlets=[asset]),
    ):
        events = new_events()
        run(task, {"outlet_events": events})
        told.append((events[asset].extra["action"], events[asset].extra["version"]))
    assert told == [("added", "20.15"), ("deleted", "20.12.4")]


def test_a_list_and_a_failure_tell_nothing(vm: Simulator, run: Callable[..., Any]) -> None:
    asset = vmanage_repository(vm.url)
    events = new_events()
    run(ListImagesOperator(task_id="l", outlets=[asset]), {"outlet_events": events})
    with pytest.raises(VManageFailException):
        run(UploadImageOperator(task_id="u", source="/nowhere", outlets=[asset]), {"outlet_events": events})
    assert len(events) == 0


def test_what_the_user_wrote_into_the_event_is_kept(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    asset = Asset("new_image")
    events = new_events()
    events[asset].extra = {"ticket": "CHG-1"}
    run(UploadImageOperator(task_id="t", source=str(file), outlets=[asset]), {"outlet_events": events})
    assert (events[asset].extra["ticket"], events[asset].extra["size"]) == ("CHG-1", len(CONTENT))


def test_the_lineage_collector_hears_of_the_image(
    vm: Simulator, run: Callable[..., Any], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.common.compat.lineage import hook as lineage_hook

    told = []

    class Collector:
        def add_output_asset(self, context: Any, uri: str) -> None:
            told.append((type(context).__name__, uri))

    monkeypatch.setattr(lineage_hook, "get_hook_lineage_collector", Collector)
    run(UploadImageOperator(task_id="t", source=str(file)))
    assert told == [("VManageHook", vmanage_image(vm.url, NAME).uri)]


@dataclass
class OperatorLineage:
    """As the OpenLineage provider has it."""

    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)


@pytest.fixture
def openlineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the provider, not for OpenLineage's own classes of facets."""
    module = ModuleType("airflow.providers.openlineage.extractors")
    module.__dict__["OperatorLineage"] = OperatorLineage
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage", ModuleType("airflow.providers.openlineage"))
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.usefixtures("openlineage")
def test_openlineage_sees_the_source_go_in_and_the_image_come_out(
    vm: Simulator, run: Callable[..., Any], file: Path
) -> None:
    task = UploadImageOperator(task_id="t", source=str(file))
    run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    (source,), (image,) = lineage.inputs, lineage.outputs
    assert (source.namespace, source.name) == ("file", str(file))
    assert f"{image.namespace}/{image.name}" == vmanage_image(vm.url, NAME).uri
    assert image.facets["lifecycleStateChange"].lifecycleStateChange.value == "CREATE"
    assert image.outputFacets["outputStatistics"].size == len(CONTENT)


@pytest.mark.usefixtures("openlineage")
@pytest.mark.parametrize(
    ("source", "namespace", "name"),
    [
        ("s3://images@sd-wan/a/b.bin", "s3://sd-wan", "a/b.bin"),
        ("https://joe:canary@files.example.com:8443/b.bin?sig=canary", "https://files.example.com:8443", "b.bin"),
        ("file:///images/b.bin", "file", "/images/b.bin"),
    ],
)
def test_openlineage_is_told_of_a_source_without_its_secrets(
    source: str, namespace: str, name: str, vm: Simulator
) -> None:
    task = UploadImageOperator(task_id="t", source=source)
    task.change = {"action": "uploaded", "file_name": "b.bin", "size": 3}
    (dataset,) = task.get_openlineage_facets_on_complete(None).inputs
    assert (dataset.namespace, dataset.name) == (namespace, name)


@pytest.mark.usefixtures("openlineage")
def test_openlineage_sees_a_deletion_and_nothing_where_nothing_was_done(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image(NAME)
    task = DeleteImageOperator(task_id="t", file_name=NAME)
    assert task.get_openlineage_facets_on_complete(None) == OperatorLineage()
    run(task)
    (image,) = task.get_openlineage_facets_on_complete(None).outputs
    assert image.facets["lifecycleStateChange"].lifecycleStateChange.value == "DROP"
    assert image.outputFacets == {}
