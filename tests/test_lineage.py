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
    ApplyRepositoryOperator,
    DeleteImageOperator,
    ListImagesOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
    RemoteServerOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.simulator import Simulator

NAME = "vmanage-20.12.4-x86_64.tar.gz"
CONTENT = b"an image"
SHA512 = hashlib.sha512(CONTENT).hexdigest()


@pytest.fixture
def vm(vm: Simulator, connect: Callable[..., None], recorded_sleeps: list[float]) -> Simulator:
    connect(vm)
    return vm


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What Airflow's lineage collector received: type of the hook and URI of the asset."""
    from airflow.providers.common.compat.lineage import hook as lineage_hook

    reported = []

    class Collector:
        def add_output_asset(self, context: Any, uri: str) -> None:
            reported.append((type(context).__name__, uri))

    monkeypatch.setattr(lineage_hook, "get_hook_lineage_collector", Collector)
    return reported


def new_events() -> Any:
    """The events of a task's outlets, as Airflow hands them over."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    return OutletEventAccessors()


def test_upload_event_has_version_id_size_and_sha512(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    image, repository = vmanage_image(vm.url, NAME), vmanage_repository(vm.url)
    events = new_events()
    run(
        UploadImageOperator(task_id="t", source=str(file), outlets=[image, repository]),
        {"outlet_events": events},
    )
    reported = {
        "action": "uploaded",
        "changed": True,
        "applied": True,
        "version": "20.12.4",
        "version_id": vm.images[0].version_id,
        "file_name": NAME,
        "size": len(CONTENT),
        "sha512": SHA512,
    }
    assert events[image].extra == reported
    assert events[repository].extra == reported


def test_event_of_a_second_run_says_that_nothing_changed(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    vm.add_image(NAME, content=CONTENT)
    image = vmanage_image(vm.url, NAME)
    events = new_events()
    run(UploadImageOperator(task_id="t", source=str(file), outlets=[image]), {"outlet_events": events})
    assert (events[image].extra["action"], events[image].extra["changed"]) == ("unchanged", False)


def test_alias_becomes_the_asset_of_the_image(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    alias = AssetAlias("new_images")
    events = new_events()
    run(UploadImageOperator(task_id="t", source=str(file), outlets=[alias]), {"outlet_events": events})
    (event,) = events[alias].asset_alias_events
    assert event.dest_asset_key.uri == vmanage_image(vm.url, NAME).uri
    assert event.extra["sha512"] == SHA512


@pytest.mark.parametrize("check_mode", [True, False])
def test_alias_has_no_event_of_a_missing_image(
    check_mode: bool, vm: Simulator, run: Callable[..., Any], file: Path
) -> None:
    alias = AssetAlias("new_images")
    events = new_events()
    delete = DeleteImageOperator(task_id="d", file_name=NAME, outlets=[alias], check_mode=check_mode)
    assert run(delete, {"outlet_events": events})["action"] == "unchanged"
    run(UploadImageOperator(task_id="t", source=str(file), outlets=[alias], check_mode=True), {"outlet_events": events})
    run(RemoteServerOperator(task_id="r", name="files", url="10.0.0.1", outlets=[alias]), {"outlet_events": events})
    assert events[alias].asset_alias_events == []


def test_alias_becomes_the_repository_for_an_entry_without_file(vm: Simulator, run: Callable[..., Any]) -> None:
    alias = AssetAlias("changes")
    events = new_events()
    run(
        AddRepoOperator(task_id="a", version_name="20.15", version_url="https://x.example.com/", outlets=[alias]),
        {"outlet_events": events},
    )
    (event,) = events[alias].asset_alias_events
    assert (event.dest_asset_key.uri, event.extra["version"]) == (vmanage_repository(vm.url).uri, "20.15")


# -- several images at once ------------------------------------------------------------------------------------------

OLD = "vmanage-20.12.3-x86_64.tar.gz"


@pytest.fixture
def apply(vm: Simulator, run: Callable[..., Any], file: Path) -> ApplyRepositoryOperator:
    """Removes one image and adds another."""
    vm.add_image(OLD, content=b"old")
    plan = run(PlanRepositoryOperator(task_id="p", images=[f"file://{file}"], exact=True))
    return ApplyRepositoryOperator(task_id="t", plan=plan)


def test_event_of_an_applied_plan_names_each_image(
    vm: Simulator, run: Callable[..., Any], apply: ApplyRepositoryOperator
) -> None:
    image, repository, alias = vmanage_image(vm.url, NAME), vmanage_repository(vm.url), AssetAlias("new_images")
    apply.outlets = [image, repository, alias]
    events = new_events()
    run(apply, {"outlet_events": events})
    reported = events[repository].extra
    assert (reported["action"], reported["changed"], reported["version"]) == ("applied", True, None)
    assert [(one["action"], one["file_name"]) for one in reported["images"]] == [("uploaded", NAME), ("deleted", OLD)]
    assert events[image].extra == reported["images"][0]
    assert (events[image].extra["sha512"], events[image].extra["size"]) == (SHA512, len(CONTENT))
    assert [(one.dest_asset_key.uri, one.extra["action"]) for one in events[alias].asset_alias_events] == [
        (image.uri, "uploaded"),
        (vmanage_image(vm.url, OLD).uri, "deleted"),
    ]


def test_event_of_an_untouched_image_in_a_plan_says_so(
    vm: Simulator, run: Callable[..., Any], apply: ApplyRepositoryOperator
) -> None:
    kept = vmanage_image(vm.url, "edge-17.9.1.bin")
    apply.outlets = [kept]
    events = new_events()
    run(apply, {"outlet_events": events})
    assert (events[kept].extra["action"], events[kept].extra["changed"]) == ("unchanged", False)
    assert "images" not in events[kept].extra


def test_collector_gets_each_image_of_a_plan(
    vm: Simulator, run: Callable[..., Any], apply: ApplyRepositoryOperator, collected: list[tuple[str, str]]
) -> None:
    run(apply)
    assert [uri for _, uri in collected] == [vmanage_image(vm.url, NAME).uri, vmanage_image(vm.url, OLD).uri]


@pytest.mark.usefixtures("openlineage")
def test_openlineage_sees_the_sources_of_a_plan_and_each_image(
    vm: Simulator, run: Callable[..., Any], apply: ApplyRepositoryOperator, file: Path
) -> None:
    run(apply)
    lineage = apply.get_openlineage_facets_on_complete(None)
    assert [(one.namespace, one.name) for one in lineage.inputs] == [("file", str(file))]
    assert [(one.name, one.facets["lifecycleStateChange"].lifecycleStateChange.value) for one in lineage.outputs] == [
        (f"software/{NAME}", "CREATE"),
        (f"software/{OLD}", "DROP"),
    ]


@pytest.mark.usefixtures("openlineage")
def test_openlineage_sees_each_image_that_was_pruned(vm: Simulator, run: Callable[..., Any]) -> None:
    for name in (OLD, NAME):
        vm.add_image(name)
    task = PruneImagesOperator(task_id="t", keep=1)
    run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    assert ([one.name for one in lineage.outputs], lineage.inputs) == ([f"software/{OLD}"], [])


# -- one at a time ---------------------------------------------------------------------------------------------------


def test_add_and_delete_report_events_too(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image(NAME)
    asset = vmanage_repository(vm.url)
    reported = []
    for task in (
        AddRepoOperator(task_id="a", version_name="20.15", version_url="https://x.example.com/", outlets=[asset]),
        DeleteImageOperator(task_id="d", file_name=NAME, allow_in_use=True, outlets=[asset]),
    ):
        events = new_events()
        run(task, {"outlet_events": events})
        reported.append((events[asset].extra["action"], events[asset].extra["version"]))
    assert reported == [("added", "20.15"), ("deleted", "20.12.4")]


def test_list_and_failure_report_no_event(vm: Simulator, run: Callable[..., Any]) -> None:
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


def test_lineage_collector_gets_the_image(
    vm: Simulator, run: Callable[..., Any], file: Path, collected: list[tuple[str, str]]
) -> None:
    run(UploadImageOperator(task_id="t", source=str(file)))
    assert collected == [("VManageHook", vmanage_image(vm.url, NAME).uri)]


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
def test_openlineage_gets_source_as_input_and_image_as_output(
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
        ("file:///images/of%20May/b.bin", "file", "/images/of May/b.bin"),
        ("/images/of May/../of June/b.bin", "file", "/images/of June/b.bin"),
        ("~/b.bin", "file", str(Path.home() / "b.bin")),
        ("b.bin", "file", str(Path.cwd() / "b.bin")),
    ],
)
def test_openlineage_gets_a_source_without_its_secrets(source: str, namespace: str, name: str, vm: Simulator) -> None:
    task = UploadImageOperator(task_id="t", source=source)
    task.change = {"action": "uploaded", "changed": True, "version": "1", "file_name": "b.bin", "size": 3}
    (dataset,) = task.get_openlineage_facets_on_complete(None).inputs
    assert (dataset.namespace, dataset.name) == (namespace, name)


@pytest.mark.usefixtures("openlineage")
def test_openlineage_sees_a_deletion_and_nothing_where_nothing_was_done(vm: Simulator, run: Callable[..., Any]) -> None:
    vm.add_image(NAME)
    task = DeleteImageOperator(task_id="t", file_name=NAME, allow_in_use=True)
    assert task.get_openlineage_facets_on_complete(None) == OperatorLineage()
    run(task)
    (image,) = task.get_openlineage_facets_on_complete(None).outputs
    assert image.facets["lifecycleStateChange"].lifecycleStateChange.value == "DROP"
    assert image.outputFacets == {}


@pytest.mark.usefixtures("openlineage")
def test_openlineage_gets_no_source_for_an_existing_image(vm: Simulator, run: Callable[..., Any], file: Path) -> None:
    vm.add_image(NAME)
    task = UploadImageOperator(task_id="t", source=str(file))
    run(task)
    lineage = task.get_openlineage_facets_on_complete(None)
    assert (lineage.inputs, [(one.name, one.facets) for one in lineage.outputs]) == ([], [(f"software/{NAME}", {})])


@pytest.mark.usefixtures("openlineage")
def test_openlineage_gets_no_repository_that_was_created_or_dropped(vm: Simulator, run: Callable[..., Any]) -> None:
    add = AddRepoOperator(task_id="a", version_name="20.15", version_url="https://x.example.com/")
    for task in (add, DeleteImageOperator(task_id="d", version="20.15")):
        assert run(task)["changed"] is True
        (repository,) = task.get_openlineage_facets_on_complete(None).outputs
        assert (repository.name, repository.facets) == ("software", {})
    server = RemoteServerOperator(task_id="r", name="files", url="10.0.0.1")
    assert run(server)["changed"] is True
    assert server.get_openlineage_facets_on_complete(None) == OperatorLineage()
