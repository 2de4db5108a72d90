"""The connection form and its *Test* in real Chromium: ``make test-ui``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.get_provider_info import get_provider_info
from scripts.airflow_ui import CONNECTION_TYPE, EXTRA, STANDARD, AirflowUI
from scripts.simulated import connection_to
from scripts.up import Site

pytestmark = [pytest.mark.ui, pytest.mark.timeout(600)]

(FORM,) = get_provider_info()["connection-types"]
FIELDS = FORM["conn-fields"]
DEFAULT, BRANCH = "vmanage_default", "vmanage_branch"


@pytest.fixture(autouse=True)
def connections(ui: AirflowUI) -> None:
    ui.open_connections()


def test_form_has_our_labels_and_hints(ui: AirflowUI) -> None:
    form = ui.new_connection(CONNECTION_TYPE)

    labels = [text.strip() for text in form.locator("label[data-part=label]:visible").all_inner_texts()]
    assert labels[2:] == ["Description", "Manager", "Username", "Password", "Port"]
    assert form.locator("[name=host]").get_attribute("placeholder") == "vmanage.example.com"
    assert form.locator("[name=schema]").count() == 0

    ui.unfold(form, EXTRA)
    fields = form.locator("[data-scope=field][data-part=root]:has([name^=element_]:visible, [name=element_auth])")
    shown = [line for text in fields.all_inner_texts() for line in text.splitlines() if line]
    wanted = []
    for name, field in FIELDS.items():
        wanted += (
            [field["label"], "session", field["description"]]
            if name == "auth"
            else [
                field["label"],
                field["description"],
            ]
        )
    assert shown == wanted


def test_login_method_is_a_choice_and_secrets_are_masked(ui: AirflowUI) -> None:
    form = ui.new_connection(CONNECTION_TYPE)
    assert form.locator("[name=password]").get_attribute("type") == "password"

    ui.unfold(form, EXTRA)
    assert form.locator("[name=element_api_key]").get_attribute("type") == "password"
    assert form.locator("[name=element_verify]").is_checked()
    form.get_by_role("combobox").last.click()
    assert ui.page.get_by_role("option").all_inner_texts() == ["session", "jwt", "api_key"]
    ui.page.get_by_role("option", name="jwt").click()
    assert form.locator("[name=element_auth]").input_value() == "jwt"


def test_connection_made_in_the_form_works(ui: AirflowUI, running: Site) -> None:
    vm = running.managers[BRANCH]
    ui.add_connection("made_by_hand", connection_to(vm))

    heading, text = ui.test_connection("made_by_hand")

    assert heading == "Test Connection Successful"
    assert text.startswith(f"Connected to vManage {vm.version} at {vm.url} ")
    count = len(vm.images)
    assert text.endswith(f"the software repository can be read: {count} image{'' if count == 1 else 's'}.")
    assert vm.counters.open_sessions == 0


@pytest.mark.parametrize("name", [DEFAULT, BRANCH])
def test_connections_of_make_up_work(name: str, ui: AirflowUI, running: Site) -> None:
    heading, text = ui.test_connection(name)
    assert (heading, running.managers[name].version in text) == ("Test Connection Successful", True)


def test_wrong_password_is_reported(ui: AirflowUI, running: Site) -> None:
    vm = running.managers[DEFAULT]
    refused = vm.counters.refused_logins
    ui.add_connection("wrong_password", {**connection_to(vm), "password": "not-the-password"})

    heading, text = ui.test_connection("wrong_password")

    assert heading == "Test Connection Failed"
    assert "refused" in text
    assert "not-the-password" not in ui.visible_text()
    assert vm.counters.refused_logins == refused + 1


def test_certificate_of_another_authority_is_reported_with_a_hint(ui: AirflowUI, running: Site) -> None:
    fields: dict[str, Any] = connection_to(running.managers[DEFAULT])
    other = running.managers[BRANCH].ca_bundle
    ui.add_connection("wrong_authority", {**fields, "extra": {"ca_bundle": other}})

    heading, text = ui.test_connection("wrong_authority")

    assert heading == "Test Connection Failed"
    assert "certificate" in text
    assert "ca_bundle" in text


def test_saved_connection_shows_no_secret(ui: AirflowUI, running: Site) -> None:
    vm = running.managers[BRANCH]
    fields = connection_to(vm)
    key = "key-that-must-stay-secret"
    ui.add_connection("with_secrets", {**fields, "extra": {**fields["extra"], "api_key": key}})

    ui.connection_row("with_secrets").get_by_role("button", name="Edit Connection").click()
    form = ui.page.get_by_role("dialog")
    assert form.locator("[name=password]").input_value() == "***"
    shown = ui.visible_text()
    ui.unfold(form, EXTRA)
    assert form.locator("[name=element_api_key]").input_value() == "***"
    shown += ui.visible_text()
    assert Path(str(vm.ca_bundle)).name in shown  # what is not secret is there
    assert vm.password not in shown
    assert key not in shown
    ui.unfold(form, STANDARD)
    assert form.locator("[name=login]").input_value() == vm.username
