"""Airflow's pages as a person uses them: a step per method, each waits for what it needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

CONNECTION_TYPE = "Cisco vManage"
STANDARD, EXTRA = "Standard Fields", "Extra Fields"

#: the parts of the form by a field of each
PARTS = {STANDARD: "[name=host]", EXTRA: "[name=element_tenant]"}

#: milliseconds for a run to end: tasks take their time on two busy cores
RUN = 480_000


class AirflowUI:
    """Airflow in one page of a browser.

    :param url: of Airflow.
    """

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url

    def sign_in(self, user: str, password: str) -> None:
        """Sign in through the form."""
        self.page.goto(f"{self._url}/")
        self.page.locator("[name=username]").fill(user)
        self.page.locator("[name=password]").fill(password)
        self.page.locator("[name=password]").press("Enter")
        self.page.get_by_role("heading", name="Welcome").wait_for()

    def open_connections(self) -> None:
        """Show the list of connections."""
        self.page.goto(f"{self._url}/connections")
        self.page.get_by_role("button", name="Add Connection").wait_for()

    def connection_row(self, conn_id: str) -> Locator:
        """Return the row of a connection."""
        cell = self.page.get_by_role("cell", name=conn_id, exact=True)
        return self.page.get_by_role("row").filter(has=cell)

    def new_connection(self, conn_type: str = CONNECTION_TYPE) -> Locator:
        """Open the form of a new connection, choose its type, and return the form."""
        self.page.get_by_role("button", name="Add Connection").click()
        form = self.page.get_by_role("dialog")
        form.get_by_label("Connection Type").fill(conn_type)
        self.page.get_by_role("option", name=conn_type, exact=True).click()
        form.get_by_text(EXTRA, exact=True).wait_for()
        return form

    def unfold(self, form: Locator, part: str) -> None:
        """Show a part of the form; the others fold."""
        header = form.get_by_role("button", name=part, exact=True)
        header.wait_for()
        if header.get_attribute("aria-expanded") != "true":
            header.click()
        for each, field in PARTS.items():
            form.locator(field).wait_for(state="visible" if each == part else "hidden")

    def add_connection(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Fill in a form and save it.

        :param fields: as Airflow's JSON has them, with a dict of ``extra``; no field with choices.
        """
        form = self.new_connection()
        form.locator("[name=connection_id]").fill(conn_id)
        for name in ("host", "port", "login", "password"):
            form.locator(f"[name={name}]").fill(str(fields[name]))
        self.unfold(form, EXTRA)
        for name, value in fields.get("extra", {}).items():
            form.locator(f"[name=element_{name}]").fill(str(value))
        form.get_by_role("button", name="Save").click()
        form.wait_for(state="hidden")
        self.connection_row(conn_id).wait_for()

    def test_connection(self, conn_id: str) -> tuple[str, str]:
        """Press *Test* of a connection; return heading and text of the response."""
        self.connection_row(conn_id).get_by_role("button", name="Test Connection").click()
        toast = self.page.locator("[data-scope=toast][data-part=root]").filter(has_text="Test Connection")
        heading, text = (toast.locator(f"[data-part={part}]").inner_text() for part in ("title", "description"))
        return heading, text

    def trigger(self, dag_id: str) -> str:
        """Trigger a DAG, which is paused, with its default parameters; return the id of the run."""
        self.page.goto(f"{self._url}/dags/{dag_id}")
        self.page.get_by_test_id("trigger-dag-button").first.click()
        form = self.page.get_by_role("dialog")
        form.get_by_text(f"Unpause {dag_id} on trigger").wait_for()  # a quick click leaves it paused
        with (
            # Without waiting for this one, the next page comes before it.
            self.page.expect_response(lambda response: _unpauses(response, dag_id)),
            self.page.expect_response(lambda response: _makes_run(response, dag_id)) as created,
        ):
            form.get_by_role("button", name="Trigger", exact=True).click()
        return str(created.value.json()["dag_run_id"])

    def open_run(self, dag_id: str, run_id: str) -> None:
        """Show a run."""
        self.page.goto(f"{self._url}/dags/{dag_id}/runs/{run_id}")

    def wait_for_state(self, state: str, timeout: float = RUN) -> None:
        """Wait until the header of the page shows the state.

        :param timeout: milliseconds.
        """
        badges = self.page.get_by_test_id("state-badge").filter(
            has_text=re.compile(r"\w")
        )  # those of the grid have none
        badges.first.filter(has_text=state).wait_for(timeout=timeout)

    def open_task(self, dag_id: str, run_id: str, task_id: str, tab: str = "") -> None:
        """Show a task of a run.

        :param tab: such as ``details``, which has the links; the log unless given.
        """
        self.page.goto(f"{self._url}/dags/{dag_id}/runs/{run_id}/tasks/{task_id}{f'/{tab}' if tab else ''}")

    def open_asset(self, ending: str) -> None:
        """Show the asset whose name ends so: its graph and its events. Airflow's list does not always link it."""
        found = self.page.request.get(f"{self._url}/api/v2/assets", params={"only_active": False}).json()["assets"]
        (asset,) = (one for one in found if one["name"].endswith(ending))
        self.page.goto(f"{self._url}/assets/{asset['id']}")

    def follow(self, link: str) -> Page:
        """Follow a task's link, and return the page that it opens."""
        with self.page.context.expect_page() as opened:
            self.page.get_by_role("link", name=link).click()
        opened.value.wait_for_load_state()
        return opened.value

    def visible_text(self) -> str:
        """Return everything that the page shows: its text, its source and the values of its fields."""
        values = self.page.locator("input, textarea").evaluate_all("fields => fields.map(field => field.value)")
        return f"{self.page.content()}\n{json.dumps(values)}"


def _unpauses(response: Any, dag_id: str) -> bool:
    return bool(response.request.method == "PATCH" and urlsplit(response.url).path.endswith(f"/dags/{dag_id}"))


def _makes_run(response: Any, dag_id: str) -> bool:
    return response.request.method == "POST" and response.url.endswith(f"/dags/{dag_id}/dagRuns") and response.ok
