"""A real browser, driven by playwright, for ``make test-ui`` and ``make screenshots``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scripts.simulated import ScriptError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Chrome first: where Ubuntu has both, its chromium is a snap, which cannot see the folder for temporary files.
NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser")
ARGUMENTS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_browser() -> str:
    """Return the path of Chromium or Chrome; CHROMIUM of the environment names another than the first found.

    :raises ScriptError: There is none.
    """
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path
    raise ScriptError(
        f"{named or 'Chromium'} is not there: install it (on Debian: apt-get install chromium), or name one "
        "(CHROMIUM=/path/to/chrome)"
    )


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser that shows no window."""
    from playwright.sync_api import sync_playwright  # of the dependency group "ui", which not every .venv has

    path = find_browser()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


def new_page(browser: Browser, **options: Any) -> Page:
    """Open a page in a window of its own, that takes the certificates of the simulated managers.

    :param options: of playwright's context, such as ``viewport`` or ``color_scheme``.
    """
    context = browser.new_context(ignore_https_errors=True, **options)
    return context.new_page()
