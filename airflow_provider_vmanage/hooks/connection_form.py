"""The connection form as Python methods of a hook, which is how Airflow 3.1 asks for it.

Later releases read the table in :mod:`airflow_provider_vmanage.get_provider_info` themselves; here the same table is
turned into fields of WTForms, so that there is one description of the form. Airflow 3.1 puts stand-ins in the place of
WTForms, which none of its plain installations has: they take what is used here, and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from airflow_provider_vmanage.get_provider_info import get_provider_info

#: by the type of a field's schema; there is no field for a number with a fraction, and seconds are mostly whole
_FIELDS = {"string": "StringField", "boolean": "BooleanField", "number": "IntegerField"}


def form_widgets() -> dict[str, Any]:
    """Return the form's own fields by their name in the connection's extra.

    :raises ImportError: WTForms is not there, nor Airflow's stand-in for it.
    """
    return {name: _field(**described) for name, described in _form()["conn-fields"].items()}


def field_behaviour() -> dict[str, Any]:
    """Return labels, hints and what the form leaves out of the standard fields.

    The keys are those that Airflow expects of a Python method.
    """
    return {key.replace("-", "_"): value for key, value in _form()["ui-field-behaviour"].items()}


def _form() -> Mapping[str, Any]:
    form: Mapping[str, Any]
    (form,) = get_provider_info()["connection-types"]
    return form


def _field(label: str, schema: Mapping[str, Any], description: str = "") -> Any:
    # Not at the top: Airflow's stand-ins are there only while it asks.
    wtforms = import_module("wtforms")
    kind, _ = schema["type"]  # and "null": no field of ours must be filled in
    field = "PasswordField" if schema.get("format") == "password" else _FIELDS[kind]
    checks = []
    for validators in _validators(wtforms):
        checks.append(validators.Optional())
        if "enum" in schema:
            checks.append(validators.any_of(schema["enum"]))
    return getattr(wtforms, field)(
        label=label, validators=checks, description=description, default=schema.get("default")
    )


def _validators(wtforms: Any) -> list[Any]:
    # Airflow puts a stand-in in the place of each module, and an `any_of` of its own into one of two: on Python 3.10
    # into the attribute of `wtforms`, from 3.11 on into what an import finds. The other one takes all in silence.
    imported = import_module("wtforms.validators")
    return [imported] if imported is wtforms.validators else [wtforms.validators, imported]
