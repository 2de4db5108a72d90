"""What this provider reports to Airflow is true, complete and of the form it expects."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest

import airflow_provider_vmanage
from airflow_provider_vmanage.get_provider_info import get_provider_info


def strings_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings_in(item)


DISTRIBUTION = "airflow-provider-vmanage"
PACKAGE = "airflow_provider_vmanage"
FOLDER = Path(airflow_provider_vmanage.__file__).parent
INFO = get_provider_info()
OWN_NAMES = [text for text in strings_in(INFO) if text.startswith(f"{PACKAGE}.")]


def schema(name: str) -> dict[str, Any]:
    """A schema that ships with Airflow, read without importing Airflow."""
    file = metadata.distribution("apache-airflow-core").locate_file(f"airflow/{name}")
    return json.loads(Path(str(file)).read_text(encoding="utf-8"))


def modules_in(kind: str) -> list[ModuleType]:
    """The public modules of one folder of the package: hooks, operators, ..."""
    files = sorted(FOLDER.joinpath(kind).rglob("[!_]*.py"))
    return [importlib.import_module(".".join(file.relative_to(FOLDER.parent).with_suffix("").parts)) for file in files]


def classes_in(module: ModuleType) -> Iterator[tuple[str, type]]:
    """The classes that are written in this module, by their full path."""
    for name, value in inspect.getmembers(module, inspect.isclass):
        if value.__module__ == module.__name__:
            yield f"{module.__name__}.{name}", value


def test_airflow_accepts_the_info() -> None:
    jsonschema.validate(INFO, schema("provider_info.schema.json"))


def test_connection_form_holds_no_key_that_airflow_drops() -> None:
    strict = schema("provider.yaml.schema.json")
    strict = {**strict["properties"]["connection-types"], "definitions": strict.get("definitions", {})}
    jsonschema.validate(INFO.get("connection-types", []), strict)


def test_info_is_plain_data_and_new_with_every_call() -> None:
    assert json.loads(json.dumps(INFO)) == INFO
    assert get_provider_info() is not get_provider_info()


def test_package_name_is_the_one_of_the_distribution() -> None:
    assert INFO["package-name"] == metadata.metadata(DISTRIBUTION)["Name"] == DISTRIBUTION


def test_installed_version_is_the_one_in_the_package() -> None:
    assert metadata.version(DISTRIBUTION) == airflow_provider_vmanage.__version__


def test_airflow_finds_the_info_by_its_entry_point() -> None:
    (entry,) = metadata.distribution(DISTRIBUTION).entry_points.select(group="apache_airflow_provider")
    assert entry.load()() == INFO


def test_airflow_shows_the_documentation_of_the_project() -> None:
    urls = metadata.metadata(DISTRIBUTION).get_all("Project-URL") or []
    assert [url for url in urls if url.startswith("Documentation, https://")]


@pytest.mark.parametrize("name", [PACKAGE, *OWN_NAMES])
def test_every_name_in_the_info_exists(name: str) -> None:
    pkgutil.resolve_name(name)


def public_classes(module: ModuleType) -> Iterator[type]:
    """The classes that a module offers: those of ``__all__``, or those that are written in it."""
    names = getattr(module, "__all__", None) or [path.rpartition(".")[2] for path, _ in classes_in(module)]
    yield from (value for name in names if inspect.isclass(value := getattr(module, name)))


@pytest.mark.parametrize("kind", ["operators", "sensors", "hooks", "triggers"])
def test_each_public_class_is_listed_under_one_path(kind: str) -> None:
    written = {one for module in modules_in(kind) for _, one in classes_in(module) if not one.__name__.startswith("_")}
    bases = {base for one in written for base in one.__mro__[1:]}
    listed = [module for entry in INFO.get(kind, []) for module in entry["python-modules"]]
    offered = [one for name in listed for one in public_classes(importlib.import_module(name))]
    assert sorted(one.__name__ for one in offered) == sorted(one.__name__ for one in written - bases)


def test_every_kind_belongs_to_a_listed_integration() -> None:
    integrations = {entry["integration-name"] for entry in INFO.get("integrations", [])}
    kinds = [INFO.get(kind, []) for kind in ("hooks", "operators", "sensors", "triggers")]
    used = {entry["integration-name"] for entries in kinds for entry in entries}
    assert used == integrations


def test_every_hook_with_a_connection_type_is_listed_with_it() -> None:
    listed = {
        (entry["connection-type"], entry["hook-class-name"], entry.get("hook-name"))
        for entry in INFO.get("connection-types", [])
    }
    written = {
        (hook.__dict__["conn_type"], path, hook.__dict__["hook_name"])
        for module in modules_in("hooks")
        for path, hook in classes_in(module)
        if "conn_type" in hook.__dict__
    }
    assert listed == written


def test_every_extra_link_is_listed() -> None:
    links = importlib.import_module(f"{PACKAGE}.links") if FOLDER.joinpath("links.py").exists() else None
    written = [path for path, link in classes_in(links) if "name" in vars(link)] if links else []
    assert sorted(INFO.get("extra-links", [])) == sorted(written)
