"""What Airflow expects of any operator, and what each does with bad input."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, BaseSensorOperator
from airflow.serialization import serialized_objects

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import (
    AddRemoteImageOperator,
    AddRepoOperator,
    ApplyRepositoryOperator,
    DeleteImageOperator,
    DownloadImageOperator,
    ListImagesOperator,
    PlanRepositoryOperator,
    PruneImagesOperator,
    RemoteServerOperator,
    UploadImageOperator,
)
from airflow_provider_vmanage.operators.software_upgrade import (
    ActivateSoftwareOperator,
    InstallSoftwareOperator,
    ListDeviceSoftwareOperator,
    PlanUpgradeOperator,
    RemoveSoftwareOperator,
    SetDefaultSoftwareOperator,
    UpgradeDevicesOperator,
)
from airflow_provider_vmanage.sensors.software_repository import ImageVersionSensor
from airflow_provider_vmanage.simulator import Simulator

NUMERIC = {
    *("listing_timeout", "max_deletions", "keep", "max_consecutive_failures", "max_unavailable", "deferrable"),
    *("timeout", "poll_interval"),
    *("wave_minutes", "settle_timeout", "stable_for", "pause"),
}
PLAN = {"add": [], "keep": [], "remove": [], "blocked": [], "digest": "", "images": [], "exact": False, "protect": []}
URL = "https://images.example.com/20.15/"
REQUIRED: dict[type[BaseOperator], dict[str, Any]] = {
    AddRepoOperator: {"version_name": "20.15", "version_url": URL},
    UploadImageOperator: {"source": "/images/a.bin"},
    DeleteImageOperator: {"version": "20.1"},
    DownloadImageOperator: {"file_name": "a.bin", "target": "a.bin"},
    ListImagesOperator: {},
    ListDeviceSoftwareOperator: {},
    InstallSoftwareOperator: {"devices": ["edge-1"], "version": "20.1"},
    ActivateSoftwareOperator: {"devices": ["edge-1"], "version": "20.1"},
    SetDefaultSoftwareOperator: {"devices": ["edge-1"], "version": "20.1"},
    RemoveSoftwareOperator: {"devices": ["edge-1"], "version": "20.1"},
    PlanUpgradeOperator: {"version": "20.1"},
    UpgradeDevicesOperator: {"plan": {"waves": []}},
    PlanRepositoryOperator: {"images": []},
    ApplyRepositoryOperator: {"plan": PLAN},
    PruneImagesOperator: {"keep": 1},
    RemoteServerOperator: {"name": "files", "url": "10.0.0.1"},
    AddRemoteImageOperator: {"remote_server": "files", "file_name": "a.bin"},
    ImageVersionSensor: {"version": "20.1"},
}
ALL = list(REQUIRED)
KEPT_AS = {"output": "output_path", "report": "report_path"}
"""Arguments whose name is an attribute of any operator of Airflow: the attribute that keeps them."""

#: called SerializedDAG up to Airflow 3.1
SERIALIZATION: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG


def arguments_of(kind: type[BaseOperator]) -> set[str]:
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {one.name for one in parameters if one.kind is one.KEYWORD_ONLY}


@pytest.mark.parametrize("kind", ALL)
def test_every_argument_but_the_numbers_is_a_template_field(kind: type[BaseOperator]) -> None:
    assert set(kind.template_fields) == {KEPT_AS.get(name, name) for name in arguments_of(kind) - NUMERIC}
    assert len(set(kind.template_fields)) == len(tuple(kind.template_fields))
    assert tuple(kind.template_ext) == ()  # an image may well be called image.sh


@pytest.mark.parametrize("kind", ALL)
def test_no_argument_of_airflow_is_templated(kind: type[BaseOperator]) -> None:
    own = {*inspect.signature(BaseOperator.__init__).parameters, *inspect.signature(BaseSensorOperator).parameters}
    assert set(kind.template_fields) & own == set()


@pytest.mark.parametrize("kind", ALL)
def test_constructor_only_keeps_what_it_is_given(kind: type[BaseOperator]) -> None:
    given = {name: f"{{{{ {name} }}}}" for name in arguments_of(kind)}
    task = kind(task_id="t", **given)
    assert {name: getattr(task, KEPT_AS.get(name, name)) for name in given} == given
    plain = kind(task_id="t", **REQUIRED[kind])
    defaults = inspect.signature(kind.__init__).parameters
    assert plain.vmanage_conn_id == defaults["vmanage_conn_id"].default == "vmanage_default"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ALL)
def test_it_survives_serialization_plain_and_mapped(kind: type[BaseOperator]) -> None:
    with DAG("serialized", schedule=None) as dag:
        kind(task_id="plain", **REQUIRED[kind])
        kind.partial(task_id="mapped", **REQUIRED[kind]).expand(vmanage_conn_id=["lab", "prod"])
    again = SERIALIZATION.from_dict(json.loads(json.dumps(SERIALIZATION.to_dict(dag))))
    assert set(again.task_dict) == {"plain", "mapped"}
    assert tuple(again.task_dict["plain"].template_fields) == tuple(kind.template_fields)


@pytest.mark.parametrize("kind", ALL)
def test_its_fields_are_rendered(kind: type[BaseOperator]) -> None:
    names = sorted(arguments_of(kind) - NUMERIC)
    with DAG("rendered", schedule=None):
        task = kind(task_id="t", **{**REQUIRED[kind], **{name: f"{{{{ params.{name} }}}}" for name in names}})
    task.render_template_fields({"params": {name: f"the {name}" for name in names}})  # type: ignore[typeddict-item]
    assert {name: getattr(task, KEPT_AS.get(name, name)) for name in names} == {name: f"the {name}" for name in names}


@pytest.mark.parametrize("kind", ALL)
def test_mapped_task_is_rendered_and_kept_apart(kind: type[BaseOperator]) -> None:
    with DAG("mapped", schedule=None):
        mapped = kind.partial(task_id="t", **REQUIRED[kind]).expand(vmanage_conn_id=["lab", "prod"])
    tasks = [mapped.unmap({"vmanage_conn_id": conn}) for conn in ("lab", "prod")]
    assert [task.hook.vmanage_conn_id for task in tasks] == ["lab", "prod"]


@pytest.mark.parametrize("kind", ALL)
def test_mapped_task_waits_for_the_tasks_behind_its_arguments(kind: type[BaseOperator]) -> None:
    names = arguments_of(kind) - NUMERIC - {"vmanage_conn_id"}
    with DAG("waits", schedule=None) as dag:
        given = {name: BaseOperator(task_id=f"of_{name}").output for name in names}
        kind.partial(task_id="t", **given).expand(vmanage_conn_id=["lab", "prod"])
    again = SERIALIZATION.from_dict(json.loads(json.dumps(SERIALIZATION.to_dict(dag))))
    for one in (dag, again):
        assert one.task_dict["t"].upstream_task_ids == {f"of_{name}" for name in names}


def test_building_tasks_sends_nothing_and_reads_no_connection() -> None:
    for kind, arguments in REQUIRED.items():
        kind(task_id="t", vmanage_conn_id="no_such_connection", **arguments)


@pytest.mark.parametrize(("text", "replaced"), [("true", 1), ("Yes", 1), ("1", 1), ("no", 0), ("0", 0), (" False ", 0)])
def test_boolean_may_come_as_text(
    text: str, replaced: bool, vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], tmp_path: Path
) -> None:
    connect(vm)
    vm.add_image("a-20.1.bin")
    vm.add_device("branch-1", version="20.1")
    file = tmp_path / "a-20.1.bin"
    file.write_bytes(b"new")
    with DAG("rendered", schedule=None):
        task = UploadImageOperator(
            task_id="t", source=str(file), if_exists="{{ params.if_exists }}", allow_in_use="{{ params.allow }}"
        )
    task.render_template_fields({"params": {"if_exists": "replace", "allow": text}})  # type: ignore[typeddict-item]
    if replaced:
        assert run(task)["action"] == "replaced"
    else:
        with pytest.raises(VManageFailException, match="in use on branch-1"):
            run(task)


# -- bad input -------------------------------------------------------------------------------------------------------

EXISTING = __file__
CHECK_MODE = [kind for kind in ALL if "check_mode" in arguments_of(kind)]
BAD: list[tuple[type[BaseOperator], dict[str, Any], str]] = [
    (AddRepoOperator, {"version_name": "", "version_url": URL}, "version_name is '': give"),
    (AddRepoOperator, {"version_name": "  ", "version_url": URL}, "version_name is '  ': give"),
    (AddRepoOperator, {"version_name": "1", "version_url": "gopher://x/"}, "version_url .* 'gopher': use one of http"),
    (AddRepoOperator, {"version_name": "1", "version_url": ""}, "version_url is '': give"),
    (AddRepoOperator, {"version_name": "1", "version_url": URL, "if_exists": "x"}, "if_exists is 'x': use one of"),
    (UploadImageOperator, {"source": ""}, "source is '': give the path"),
    (UploadImageOperator, {"source": "gopher://x/a.bin"}, "source .* has the unsupported scheme 'gopher': use"),
    (UploadImageOperator, {"source": EXISTING, "checksum": "sha512:12"}, "checksum .* 128 hexadecimal digits"),
    (UploadImageOperator, {"source": EXISTING, "checksum": "12" * 64}, "checksum .* write one of sha512:<hex>"),
    (UploadImageOperator, {"source": EXISTING, "checksum": "crc32:12"}, "checksum .* write one of sha512:<hex>"),
    (UploadImageOperator, {"source": EXISTING, "if_exists": "x"}, "if_exists is 'x': use one of"),
    (UploadImageOperator, {"source": EXISTING, "file_name": "a,b"}, "file_name 'a,b' has ',' in it"),
    (UploadImageOperator, {"source": EXISTING, "allow_in_use": "maybe"}, "allow_in_use is 'maybe': use true or false"),
    (UploadImageOperator, {"source": EXISTING, "listing_timeout": 0}, "listing_timeout is 0: give a number"),
    (DeleteImageOperator, {}, "none of them given: give exactly one of version_id, version, file_name"),
    (DeleteImageOperator, {"version": "1", "file_name": "a"}, "version and file_name given: give exactly one"),
    (DeleteImageOperator, {"version": " "}, "version is ' ': give"),
    (DeleteImageOperator, {"version": "1", "if_missing": "x"}, "if_missing is 'x': use one of skip, fail"),
    (DeleteImageOperator, {"version": "1", "allow_in_use": "x"}, "allow_in_use is 'x': use true or false"),
    (DownloadImageOperator, {"file_name": " ", "target": "a"}, "file_name is ' ': give"),
    (DownloadImageOperator, {"file_name": "a", "target": ""}, "target is '': give a path or URL"),
    (DownloadImageOperator, {"file_name": "a", "target": "/nowhere/a"}, "target '/nowhere/a' is in a folder that does"),
    (DownloadImageOperator, {"file_name": "a", "target": "/usr"}, "target '/usr' is a folder: name a file in it"),
    (DownloadImageOperator, {"file_name": "a", "target": "http://x/a"}, "target .* has the unsupported scheme 'http'"),
    (DownloadImageOperator, {"file_name": "a", "target": "s3://c@b/a?x=1"}, "target .* has a password, query or"),
    (DownloadImageOperator, {"file_name": "a", "target": "vmanage://l@software/a"}, "target .* is a manager: use"),
    (DownloadImageOperator, {"file_name": "a", "target": "a", "checksum": "md5:1"}, "checksum 'md5:1' has"),
    (ListDeviceSoftwareOperator, {"device_type": "vsmart"}, "device_type is 'vsmart': use one of vedge, controller"),
    (ActivateSoftwareOperator, {"devices": ["e"], "version": ["1", "2"]}, "version is .* give one, since only a"),
    (PlanUpgradeOperator, {}, "version is missing: give one, or a mapping"),
    (PlanUpgradeOperator, {"version": {}}, "version is an empty mapping: give"),
    (PlanUpgradeOperator, {"version": "1", "device_type": "vsmart"}, "device_type is 'vsmart': use one of vedge"),
    (PlanUpgradeOperator, {"version": "1", "devices": []}, r"devices is \[\]: give a list"),
    (PlanUpgradeOperator, {"version": "1", "sites": "[]"}, r"sites is '\[\]', which is empty: give site ids"),
    (PlanUpgradeOperator, {"version": "1", "exclude": [None]}, r"exclude is \[None\]: give a list"),
    (PlanUpgradeOperator, {"version": "1", "wave_sizes": ["0%"]}, "wave_sizes has '0%': give a number"),
    (PlanUpgradeOperator, {"version": "1", "one_per_site": "x"}, "one_per_site is 'x': use true or false"),
    (PlanUpgradeOperator, {"version": "1", "allow_downgrade": "x"}, "allow_downgrade is 'x': use true or false"),
    (PlanUpgradeOperator, {"version": "1", "max_devices": -1}, "max_devices is -1: give a whole number, 1 or more"),
    (PlanRepositoryOperator, {"images": 7}, "images is int: give a list"),
    (PlanRepositoryOperator, {"images": [7]}, r"images\[0\] is int: give a path or URL"),
    (PlanRepositoryOperator, {"images": [{"sauce": "x"}]}, r"images\[0\] has the keys sauce: give"),
    (PlanRepositoryOperator, {"images": ["/a.bin", "/b/a.bin"]}, r"images\[1\] is a.bin, and given twice"),
    (PlanRepositoryOperator, {"images": ["https://j:pw@x/a.bin"]}, r"images\[0\].source .* has a password or a query"),
    (PlanRepositoryOperator, {"images": [{"source": "/a", "checksum": "md5:1"}]}, r"images\[0\].checksum 'md5:1' has"),
    (
        PlanRepositoryOperator,
        {"images": [{"source": "/a", "checksum": "FILE:https://j:p@x"}]},
        ".*checksum .* password",
    ),
    (PlanRepositoryOperator, {"images": [], "exact": "maybe"}, "exact is 'maybe': use true or false"),
    (ApplyRepositoryOperator, {"plan": {}}, "plan is not valid: pass the output of"),
    (ApplyRepositoryOperator, {"plan": "{{ broken"}, "plan is text that is neither JSON nor"),
    (ApplyRepositoryOperator, {"plan": PLAN, "max_deletions": "x"}, "max_deletions is 'x': give a whole number"),
    (AddRemoteImageOperator, {"remote_server": "", "file_name": "a"}, "remote_server is '': give"),
    (AddRemoteImageOperator, {"remote_server": "x", "file_name": "a,b"}, "file_name 'a,b' has ','"),
    (ListImagesOperator, {"version": ""}, "version is '': give"),
    (ListImagesOperator, {"version": " "}, "version is ' ': give"),
    *((kind, {**REQUIRED[kind], "check_mode": "x"}, "check_mode is 'x': use true or false") for kind in CHECK_MODE),
]


@pytest.mark.parametrize(("kind", "arguments", "words"), BAD)
def test_bad_input_names_field_and_fix_and_sends_nothing(
    kind: type[BaseOperator],
    arguments: dict[str, Any],
    words: str,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
) -> None:
    connect(vm)
    with pytest.raises(VManageFailException, match=f"^{words}"):
        run(kind(task_id="t", **arguments))
    assert vm.requests == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.bin", "source '.*missing.bin' .*: correct source"),
        ("empty.bin", "source .* is empty: fetch the image again"),
    ],
)
def test_unreadable_source_fails_without_retry_and_sends_nothing(
    name: str,
    words: str,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    tmp_path: Path,
    *,
    check_mode: bool,
) -> None:
    connect(vm)
    (tmp_path / "empty.bin").touch()
    with pytest.raises(VManageFailException, match=f"^{words}"):
        run(UploadImageOperator(task_id="t", source=str(tmp_path / name), check_mode=check_mode))
    paths = [one.path.removeprefix("/dataservice/") for one in vm.requests]
    assert paths == ["/j_security_check", "client/server", "device/action/software", "/logout"]


@pytest.mark.parametrize(
    ("fields", "extra", "words"),
    [
        ({"host": "https://joe:hunter2@vm.example.com"}, {}, "host .* has credentials in it: use the login"),
        ({"host": "vm.example.com?x=hunter2"}, {}, "host .* has a query in it: give only name and port"),
        ({}, {"ca_bundle": "/nowhere/ca.pem"}, "ca_bundle .* give a readable file"),
        ({}, {"auth": "kerberos"}, "auth is 'kerberos': use one of session, jwt, api_key"),
    ],
)
@pytest.mark.parametrize("kind", ALL)
def test_bad_connection_fails_every_task_without_retry(
    kind: type[BaseOperator],
    fields: dict[str, Any],
    extra: dict[str, Any],
    words: str,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
) -> None:
    connect(vm, extra=extra, **fields)
    arguments = {"source": EXISTING} if kind is UploadImageOperator else REQUIRED[kind]
    with pytest.raises(VManageFailException, match=f"^Connection 'vmanage_default': {words}") as caught:
        run(kind(task_id="t", **arguments))
    assert "hunter2" not in str(caught.value)
    assert vm.requests == []
