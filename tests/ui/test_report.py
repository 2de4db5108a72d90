"""The report of an upgrade in a real browser: it needs no network, and fits wide and narrow windows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from airflow_provider_vmanage.reports.upgrade_report import render_html
from scripts.browser import new_page
from scripts.sample_report import sample_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.ui


@pytest.mark.parametrize("width", [1240, 400])
@pytest.mark.parametrize("count", [24, 1000])
def test_report_loads_nothing_and_fits_the_window(chromium: Browser, tmp_path: Path, count: int, width: int) -> None:
    report = sample_report(count, failures={3: "health", 7: "download", 9: "lost"}, waves_begun=3)
    file = tmp_path / "report.html"
    file.write_text(render_html(report), encoding="utf-8")
    page = new_page(chromium, viewport={"width": width, "height": 900})
    requests, complaints = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(file.as_uri())
    assert requests == [file.as_uri()]
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator(".failure").count() == 3
    page.context.close()
