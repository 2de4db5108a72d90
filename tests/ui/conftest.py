"""What ``make up`` starts, with a browser in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from scripts.airflow_ui import AirflowUI
from scripts.browser import browser, find_browser, new_page
from scripts.simulated import ROOT, ScriptError
from scripts.standalone import USER
from scripts.up import MANAGERS, Site, site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = ROOT / ".tmp" / "ui"
PAGE = pytest.StashKey[Any]()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    try:
        find_browser()
    except ScriptError as err:
        pytest.exit(str(err), returncode=1)
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def running(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("up"), [0] * (1 + len(MANAGERS))) as everything:
        yield everything


@pytest.fixture
def ui(chromium: Browser, running: Site, request: pytest.FixtureRequest) -> Iterator[AirflowUI]:
    """Airflow in a new window, signed in; it is photographed where the test fails."""
    with ExitStack() as stack:
        page = new_page(chromium, viewport={"width": 1280, "height": 900})
        stack.callback(page.context.close)
        request.node.stash[PAGE] = page
        airflow = AirflowUI(page, running.airflow.url)
        airflow.sign_in(USER, running.airflow.password)
        yield airflow


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    report: Any = yield
    page = item.stash.get(PAGE, None)
    if report.failed and page is not None and not page.is_closed():
        picture = PICTURES / f"{item.name}.png"
        page.screenshot(path=picture)
        report.sections.append(("what the browser showed", str(picture.relative_to(ROOT))))
    return report
