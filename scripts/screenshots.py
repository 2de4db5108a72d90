"""The pictures of ``docs/images``, taken from what ``make up`` starts: ``make screenshots``.

``PICTURES=upgrade-report`` takes the one that needs no Airflow.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_vmanage.reports.upgrade_report import render_html
from scripts.airflow_ui import EXTRA, AirflowUI
from scripts.browser import browser, find_browser, new_page
from scripts.rest_api import PATIENCE
from scripts.sample_report import sample_report
from scripts.simulated import ROOT, ScriptError, image_name
from scripts.standalone import USER
from scripts.up import MANAGERS, NEW, Site, say, site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

IMAGES = ROOT / "docs" / "images"
SCALE = 1.5
LARGEST = 300_000  # bytes; the report is a long page
DAG, TASK = "upgrade_prep", "upload_image"
REPORT = "upgrade-report"
WINDOW = "upgrade_devices"
PLAN = {"sites": ["100", "101", "102", "103"], "wave_sizes": [1, 4]}  # fits into a picture


def main() -> int:
    """Take all pictures, or the one that is named; return the exit code."""
    try:
        find_browser()
        with tempfile.TemporaryDirectory(prefix="vmanage-up-") as folder, browser() as started:
            upgrade_report(started, Path(folder))
            if sys.argv[1:] != [REPORT]:
                with site(Path(folder), [0] * (1 + len(MANAGERS))) as running:
                    take_all(started, running)
    except (ScriptError, OSError) as err:
        print(f"make screenshots: {err}", file=sys.stderr)
        return 1
    return 0


def take_all(started: Browser, running: Site) -> None:
    """Do with Airflow's pages what the pictures show."""
    page = new_page(started, viewport={"width": 1400, "height": 1700}, device_scale_factor=SCALE)
    page.set_default_timeout(PATIENCE * 1000)
    ui = AirflowUI(page, running.airflow.url)
    ui.sign_in(USER, running.airflow.password)
    connection_form(ui)
    page.set_viewport_size({"width": 1400, "height": 612})
    running.airflow.unpause("inventory_export")  # which the upload starts
    grid_with_link(ui)
    page.set_viewport_size({"width": 1330, "height": 490})
    page.goto(f"{running.managers['vmanage_default'].url}/")
    take(page, "simulator-page")  # its first table: the others are long
    window = running.airflow.start_run(WINDOW, **PLAN)  # it stages while the next picture is taken
    page.set_viewport_size({"width": 1400, "height": 500})
    asset_graph(ui)
    page.set_viewport_size({"width": 1400, "height": 1040})
    approval(ui, window)


def upgrade_report(started: Browser, folder: Path) -> None:
    """Show the report of an upgrade, from its headline to its time axis."""
    report = sample_report(24, failures={3: "health", 7: "download"}, waves_begun=3)
    file = folder / "report.html"
    file.write_text(render_html(report), encoding="utf-8")
    page = new_page(started, viewport={"width": 1040, "height": 1000})  # not scaled: the page is long
    page.goto(file.as_uri())
    page.evaluate("document.querySelectorAll('section:has(.chart) ~ *').forEach(one => one.remove())")
    take(page.locator("body"), REPORT)


def connection_form(ui: AirflowUI) -> None:
    """Show the form with our fields."""
    ui.open_connections()
    form = ui.new_connection()
    form.locator("[name=connection_id]").fill("vmanage_lab")
    ui.unfold(form, EXTRA)
    form.locator("[name=element_ca_bundle]").fill("/etc/ssl/certs/vmanage.pem")
    form.get_by_role("heading").first.click()  # no field has the focus, and the pointer is nowhere near a hint
    take(form, "connection-form")


def grid_with_link(ui: AirflowUI) -> None:
    """Run the DAG, and show its grid with a task open that has the link."""
    run = ui.trigger(DAG)
    ui.open_run(DAG, run)
    ui.wait_for_state("Success")
    ui.open_task(DAG, run, TASK, "details")
    ui.page.get_by_role("link", name="Software repository").wait_for()
    take(ui.page, "grid-with-link")


def asset_graph(ui: AirflowUI) -> None:
    """Show the graph around the asset that the run has uploaded."""
    ui.open_asset(image_name(NEW))
    ui.page.locator(".react-flow__node").filter(has_text=DAG).first.wait_for()
    ui.page.add_style_tag(content=".react-flow__panel { display: none !important; }")  # the map, and what zooms
    take(ui.page.locator(".react-flow").first, "asset-graph")


def approval(ui: AirflowUI, run: str) -> None:
    """Show the plan as the person sees it who approves it."""
    ui.open_task(WINDOW, run, "approve")
    ui.wait_for_state("Awaiting Input")  # until then, the task has no such tab: its address leads to the log
    ui.page.get_by_role("link", name="Required Action").click()
    ui.page.get_by_role("button", name="Reject").wait_for()
    take(ui.page, "approval")


def take(what: Page | Locator, name: str) -> None:
    """Keep a picture."""
    file = IMAGES / f"{name}.png"
    what.screenshot(path=file, animations="disabled")
    size = file.stat().st_size
    say(f"{file.relative_to(ROOT)}, {size / 1000:.0f} kB")
    if size > LARGEST:
        raise ScriptError(f"{file.name} has {size} bytes, and {LARGEST} are enough")


if __name__ == "__main__":
    sys.exit(main())
