"""The pages of docs/ are complete, lead somewhere, and quote what the package says. `make docs` builds them."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import runpy
import typing
from pathlib import Path

import pytest
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger

from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.software_repository import Change
from airflow_provider_vmanage.get_provider_info import get_provider_info
from airflow_provider_vmanage.tables import COLUMNS, DEVICE_COLUMNS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "airflow_provider_vmanage"
PAGES = sorted(DOCS.rglob("*.md"))
BLOB = "https://github.com/airflow-provider-vmanage/airflow-provider-vmanage/blob/main/"
ANYTHING = "…"


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def tasks() -> set[str]:
    """The classes that a DAG names: operators, sensors, triggers."""
    info = get_provider_info()
    modules = [
        name for kind in ("operators", "sensors", "triggers") for one in info[kind] for name in one["python-modules"]
    ]
    return {
        name
        for module in map(importlib.import_module, modules)
        for name, value in inspect.getmembers(module, inspect.isclass)
        if typing.get_origin(value) is None  # to Python 3.10, dict[str, Any] is a class
        and issubclass(value, (BaseOperator, BaseTrigger))
        and (name in getattr(module, "__all__", ()) or value.__module__ == module.__name__)
    }


def test_every_operator_sensor_and_trigger_has_one_page() -> None:
    pages = {
        page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# "): text(page)
        for folder in ("operators", "sensors", "triggers")
        for page in (DOCS / folder).glob("*.md")
        if page.stem != "index"
    }
    assert pages.keys() == tasks()
    for name, page in pages.items():
        (documented,) = re.findall(r"^<!-- pages: arguments (\S+) -->$", page, re.MULTILINE)
        module, _, class_name = documented.rpartition(".")
        assert class_name == name
        assert hasattr(importlib.import_module(module), name)
        assert "<!-- pages: example " in page


def test_every_page_is_in_a_table_of_contents() -> None:
    listed = {DOCS / "index.md"}
    for page, captions in runpy.run_path(str(DOCS / "conf.py"))["CONTENTS"].items():
        listed |= {(DOCS / page).parent / f"{entry}.md" for entries in captions.values() for entry in entries}
    assert listed == set(PAGES)


@pytest.mark.parametrize("page", [*PAGES, *ROOT.glob("*.md"), *(ROOT / "benchmarks").glob("*.md")], ids=name_of)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    written = re.sub(r"^```.*?^```", "", text(page), flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", written)
    for link in [link.removeprefix(BLOB) for link in links]:
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        folder = ROOT if f"({BLOB}{link})" in written else page.parent
        target = folder / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_links_of_the_readme_are_absolute() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", text(ROOT / "README.md"))
    assert [link for link in links if not link.startswith(("https://", "#"))] == []


def anchors(page: Path) -> list[str]:
    """The names by which GitHub and Sphinx know the headings of a page, and the ids of single lines."""
    headings = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    lines = re.findall(r'<a id="([^"]+)"></a>', text(page))
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings] + lines


def test_source_map_names_files_that_are_there() -> None:
    _, _, source_map = text(ROOT / "CONTRIBUTING.md").partition("\n## Source map\n")
    files = re.findall(r"`([\w/]+(?:\.py|/))`", source_map)
    assert len(files) > 20
    assert [file for file in files if not (ROOT / file).exists()] == []


def sentences() -> set[str]:
    """Every text in the source of the package, with … for what is filled in."""
    found = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(text(file))):
            if isinstance(node, ast.JoinedStr):
                found.add("".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.sub(r"%(\.\d)?[rsdgf]", ANYTHING, node.value))
    return {re.sub(f"{ANYTHING}+", ANYTHING, sentence) for sentence in found}


def words_of(node: ast.expr) -> str:
    """A text as the page quotes it, with … for what is filled in; "" for one that is made elsewhere."""
    if isinstance(node, ast.JoinedStr):
        filled = "".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)  # type: ignore[misc]
        return re.sub(f"{ANYTHING}+", ANYTHING, filled)
    return str(node.value) if isinstance(node, ast.Constant) else ""


def configuration_errors() -> set[str]:
    """Messages about fields and arguments, except those that only pass on another text (`Connection …: …`)."""
    calls = (
        node
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(text(file)))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "VManageConfigurationError"
    )
    return {words for call in calls if (words := words_of(call.args[0])) and not words.endswith(f": {ANYTHING}")}


def quoted_messages() -> list[str]:
    ours, _, _ = text(DOCS / "troubleshooting.md").partition("\n## Airflow's own messages")
    return re.findall(r'^\| (?:<a id="[^"]*"></a>)?`([^`]+)` \|', ours, re.MULTILINE)


def test_troubleshooting_page_quotes_messages_of_the_package() -> None:
    quoted = quoted_messages()
    said = "\n".join(sentences())
    assert len(quoted) > 60
    assert [message for message in quoted if message.removesuffix(f" {ANYTHING}") not in said] == []


def test_every_input_error_is_on_the_troubleshooting_page() -> None:
    quoted = [message.removesuffix(f" {ANYTHING}") for message in quoted_messages()]
    errors = configuration_errors()
    assert len(errors) > 60
    assert sorted(error for error in errors if not any(message in error for message in quoted)) == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("connection.md", get_provider_info()["connection-types"][0]["conn-fields"]),
        ("rows.md", Change("added", SoftwareImage()).as_row()),
        ("rows.md", ["path", "count"]),
    ],
    ids=["connection", "rows", "table"],
)
def test_page_names_every_field(page: str, names: list[str]) -> None:
    shown = text(DOCS / page)
    assert [name for name in names if f"`{name}`" not in shown and f'"{name}"' not in shown] == []


def test_columns_of_a_table_are_documented_in_its_module() -> None:
    described = importlib.import_module("airflow_provider_vmanage.tables").__doc__ or ""
    assert re.findall(r"^``(\w+)``", described, re.MULTILINE) == [*COLUMNS, *DEVICE_COLUMNS]
