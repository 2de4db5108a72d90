"""Lists of images and of devices as files have the same columns for every release, in each format."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import ObjectStoragePath
from pyarrow import parquet

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import ListImagesOperator
from airflow_provider_vmanage.operators.software_upgrade import ListDeviceSoftwareOperator
from airflow_provider_vmanage.simulator import Simulator
from airflow_provider_vmanage.tables import COLUMNS, DEVICE_COLUMNS, UPGRADE_COLUMNS, table_file

NAME = "vmanage-20.12.4-x86_64.tar.gz"
IDENTITY = ("uuid", "system-ip", "site-id", "device-type", "platformFamily", "device-model")


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, read with another library's eyes."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".parquet":
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return rows
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: _value(name, text, is_image="device" not in row) for name, text in row.items()} for row in rows]


def _value(name: str, text: str, *, is_image: bool) -> Any:
    if name == "available" or (name == "platform_family" and is_image):
        return text.split()
    if name in ("updated_on", "wave"):
        return int(text)
    return text == "true" if name in ("reachable", "changed", "applied") else text or None


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_every_release_and_format_gives_the_same_columns(
    ending: str, vm_of_release: Simulator, connect: Callable[..., None], run: Callable[..., Any], tmp_path: Path
) -> None:
    connect(vm_of_release)
    vm_of_release.add_image(NAME)
    path = tmp_path / f"images{ending}"
    assert run(ListImagesOperator(task_id="t", output=str(path))) == {"path": str(path), "count": 1}
    (row,) = read(path)
    (image,) = vm_of_release.images
    assert tuple(row) == COLUMNS
    assert (row["manager"], row["version"], row["file_name"]) == (vm_of_release.url, "20.12.4", NAME)
    assert (row["version_id"], row["updated_on"]) == (image.version_id, image.updated_on)
    assert isinstance(row["platform_family"], list)


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_rows_of_an_upgrade_keep_their_types(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"upgrade{ending}"
    texts = {name: f"a {name}" for name in UPGRADE_COLUMNS}
    row = {**texts, "available": ["20.9.4"], "wave": 2, "changed": True, "reachable": True, "applied": False}
    table_file(path).write("https://vm:443", [row], UPGRADE_COLUMNS)
    assert read(path) == [{**row, "manager": "https://vm:443"}]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_device_software_is_a_file_in_each_format_too(
    ending: str, vm_of_release: Simulator, connect: Callable[..., None], run: Callable[..., Any], tmp_path: Path
) -> None:
    connect(vm_of_release)
    vm_of_release.add_device("edge", version="20.9.4", defaultVersion="", availableVersions=["20.9.3", "20.9.2"])
    vm_of_release.add_device("smart", "vsmart", "20.12.4", reachability="unreachable")
    own, edge, smart = ([device[name] for name in IDENTITY] for device in vm_of_release.devices)
    path = tmp_path / f"devices{ending}"
    assert run(ListDeviceSoftwareOperator(task_id="t", output=str(path))) == {"path": str(path), "count": 3}
    rows = read(path)
    assert [tuple(row) for row in rows] == [DEVICE_COLUMNS] * 3
    manager = vm_of_release.url
    assert [list(row.values()) for row in rows] == [
        [manager, "edge", *edge, "20.9.4", None, ["20.9.3", "20.9.2"], True],
        [manager, "smart", *smart, "20.12.4", "20.12.4", [], False],
        [manager, "vmanage", *own, vm_of_release.version, vm_of_release.version, [], True],
    ]
    assert "vedge-x86" in edge  # one family of a device, and not a list of letters
    only = run(ListDeviceSoftwareOperator(task_id="t", device_type="controller", output=str(path)))
    assert only["count"] == 1


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_empty_list_replaces_an_older_file_by_no_rows(
    ending: str, vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], tmp_path: Path
) -> None:
    connect(vm)
    path = tmp_path / f"images{ending}"
    path.write_bytes(b"old" * 1000)
    assert run(ListImagesOperator(task_id="t", output=ObjectStoragePath(f"file://{path}")))["count"] == 0
    assert read(path) == []
    if ending == ".parquet":
        assert parquet.read_schema(path).names == list(COLUMNS)


UNUSABLE = {
    "/tmp/images.xlsx": r"ends in '\.xlsx': end it in \.jsonl, \.csv, \.parquet",  # noqa: S108
    "/tmp/images": r"ends in '': end it in \.jsonl",  # noqa: S108
    "s3://joe:canary@bucket/images.txt": r"ends in '\.txt': end it in",
    "s3://bucket/images?X-Amz-Signature=canary": "ends in '': end it in",
    "s3://bucket/images.csv?X-Amz-Signature=canary": "has a password, query or fragment in it: name a connection",
    "s3://joe:canary@bucket/images.csv": "has a password, query or fragment in it: name a connection",
    "nope://bucket/images.csv": "has the unsupported scheme 'nope': use a path",
    "https://example.com/images.csv": "has the unsupported scheme 'https': use a path",
    "abfs://folder/images.csv": r"install airflow-provider-vmanage\[abfs\]",
    "/nowhere/images.csv": "output '/nowhere/images.csv' is in a folder that does not exist: create it",
    "~no-user-of-this-name/images.csv": "output '~no-user-of-this-name/images.csv' cannot be used: ",
    "/tmp/a\0b.csv": "cannot be used: a path holds no null character",  # noqa: S108
    "s3://[bad/images.csv": "cannot be used: ",
    "{folder}": "is a folder: name a file in it",
    "file:///nowhere/images.csv": "is in a folder that does not exist: create it",
}


@pytest.mark.parametrize("operator", [ListImagesOperator, ListDeviceSoftwareOperator])
@pytest.mark.parametrize(("output", "says"), UNUSABLE.items())
def test_unusable_output_is_refused_before_anything_is_sent(
    output: str,
    says: str,
    operator: Any,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    tmp_path: Path,
) -> None:
    connect(vm)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(VManageFailException, match=says) as caught:
        run(operator(task_id="t", output=output.replace("{folder}", str(tmp_path / "folder.csv"))))
    assert "canary" not in str(caught.value).lower()
    assert vm.requests == []


@pytest.mark.parametrize("given", ["images 20.csv", "~/images 20.csv", "file://{folder}/images%2020.csv"])
def test_file_of_the_worker_is_reported_by_its_whole_path(
    given: str,
    vm: Simulator,
    connect: Callable[..., None],
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(vm)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    written = run(ListImagesOperator(task_id="t", output=given.format(folder=tmp_path)))
    assert written["path"] == str(tmp_path / "images 20.csv")
    assert Path(written["path"]).exists()


def test_secret_in_the_output_is_masked_once_it_is_rendered(redact: Callable[[str], str]) -> None:
    for operator in (ListImagesOperator, ListDeviceSoftwareOperator):
        operator(task_id="t", output=f"s3://joe:canary-{operator.__name__}@bucket/images.csv")
        assert redact(f"canary-{operator.__name__}") == "***"


def test_rows_that_cannot_be_encoded_leave_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("of yesterday")
    with pytest.raises(UnicodeEncodeError):
        table_file(path).write("https://vm:443", [{"file_name": "half a \ud800 character"}])
    assert path.read_text() == "of yesterday"


def test_each_json_line_is_one_line_for_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "images.jsonl"
    table_file(path).write("https://vm:443", [{"file_name": "ü\u2028b-20.1.bin"}])
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["file_name"] == "ü\u2028b-20.1.bin"


def test_parquet_without_pyarrow_names_the_package_to_install(
    vm: Simulator, connect: Callable[..., None], run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(vm)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(VManageFailException, match=r"install airflow-provider-vmanage\[parquet\]"):
        run(ListImagesOperator(task_id="t", output="images.parquet"))
    assert vm.requests == []
