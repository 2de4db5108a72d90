"""The connection form is the same by each of the two ways in which Airflow asks for it."""

from __future__ import annotations

import json
import subprocess
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.settings import read_settings
from airflow_provider_vmanage.get_provider_info import get_provider_info
from airflow_provider_vmanage.hooks.vmanage import VManageHook

(FORM,) = get_provider_info()["connection-types"]
FIELDS: dict[str, dict[str, Any]] = FORM["conn-fields"]


class Field:
    """A field as Airflow 3.1 stands it in: it takes these arguments, and no others."""

    def __init__(
        self, label: str | None = None, validators: Any = None, description: str = "", default: Any = None
    ) -> None:
        self.label, self.validators, self.description, self.default = label, validators, description, default


class Optional:
    """The check that lets a field be empty."""


@pytest.fixture(autouse=True, params=["attribute", "import"])
def wtforms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What Airflow 3.1 puts in the place of WTForms while it asks: its Python decides where the checks are found."""
    module, validators = ModuleType("wtforms"), ModuleType("wtforms.validators")
    for name in ("StringField", "IntegerField", "PasswordField", "BooleanField"):
        setattr(module, name, type(name, (Field,), {}))
    vars(validators).update(Optional=Optional, any_of=lambda values: ("any of", values))
    module.__dict__["validators"] = validators if request.param == "attribute" else MagicMock()
    monkeypatch.setitem(sys.modules, "wtforms", module)
    monkeypatch.setitem(sys.modules, "wtforms.validators", validators if request.param == "import" else MagicMock())
    return module


def test_hook_itself_has_what_airflow_3_1_asks_for() -> None:
    # It asks the class alone: with the methods in a base class, the form of Airflow 3.1 was empty.
    assert {"get_connection_form_widgets", "get_ui_field_behaviour"} <= vars(VManageHook).keys()


def test_both_ways_show_the_same_fields_in_the_same_order() -> None:
    assert list(VManageHook.get_connection_form_widgets()) == list(FIELDS)


@pytest.mark.parametrize("name", FIELDS)
def test_field_has_the_same_texts_in_both_forms(name: str) -> None:
    widget, described = VManageHook.get_connection_form_widgets()[name], FIELDS[name]
    schema = described["schema"]
    assert (widget.label, widget.description) == (described["label"], described["description"])
    assert widget.default == schema.get("default")
    checks = [check for check in widget.validators if not isinstance(check, MagicMock)]
    assert isinstance(checks[0], Optional)
    assert checks[1:] == ([("any of", schema["enum"])] if "enum" in schema else [])


@pytest.mark.parametrize("name", FIELDS)
def test_field_has_the_same_kind_in_both_forms(name: str, wtforms: ModuleType) -> None:
    schema = FIELDS[name]["schema"]
    kinds = {"string": "StringField", "boolean": "BooleanField", "number": "IntegerField"}
    kind = "PasswordField" if schema.get("format") == "password" else kinds[schema["type"][0]]
    assert type(VManageHook.get_connection_form_widgets()[name]) is getattr(wtforms, kind)
    assert (kind == "PasswordField") == (name == "api_key")


NUMBERS = [name for name, field in FIELDS.items() if field["schema"]["type"][0] == "number"]


@pytest.mark.parametrize("name", NUMBERS)
def test_bounds_in_the_form_are_those_of_the_task(name: str) -> None:
    lowest, highest = (FIELDS[name]["schema"][bound] for bound in ("minimum", "maximum"))
    for value in (lowest, highest):
        read_settings(host="a", login="b", password="c", extra={name: value})
    with pytest.raises(VManageConfigurationError, match=name):
        read_settings(host="a", login="b", password="c", extra={name: highest + 1})


def test_both_forms_change_the_same_standard_fields() -> None:
    declared = FORM["ui-field-behaviour"]
    assert VManageHook.get_ui_field_behaviour() == {
        "hidden_fields": declared["hidden-fields"],
        "relabeling": declared["relabeling"],
        "placeholders": declared["placeholders"],
    }


_ASK = """
import json, warnings
warnings.simplefilter("ignore")
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
(form,) = [form for form in HookMetaService.hook_meta_data() if form.connection_type == "vmanage"]
print("form:" + form.model_dump_json())
"""


@pytest.mark.parametrize("wtforms", ["attribute"], indirect=True)  # of no account in another process
def test_form_that_this_airflow_serves_has_our_fields() -> None:
    ended = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    form = json.loads(ended.stdout.rpartition("form:")[2])
    assert form["hook_name"] == "Cisco vManage"
    standard = form["standard_fields"]
    assert standard["url_schema"]["hidden"] is True
    assert (standard["host"]["title"], standard["port"]["placeholder"]) == ("Manager", "443")
    assert list(form["extra_fields"]) == list(FIELDS)
    for name, described in FIELDS.items():
        shown, schema = form["extra_fields"][name], described["schema"]
        assert shown["schema"]["title"] == described["label"]
        assert shown["description"] == described["description"]
        assert shown["value"] == schema.get("default")
        assert shown["schema"].get("format") == schema.get("format")
        assert shown["schema"].get("enum") == schema.get("enum")
        assert shown["schema"]["type"][0] in {schema["type"][0], "integer"}
