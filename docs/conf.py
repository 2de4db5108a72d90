"""How the pages are built: ``make docs``. Nothing is fetched while they are built.

The pages are plain Markdown, so that GitHub and editors show them. What only Sphinx needs is added here: the order of
the pages, and the anchors of single lines.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airflow_provider_vmanage import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "airflow-provider-vmanage"
author = project_copyright = "The airflow-provider-vmanage developers"
release = version = __version__

extensions = ["myst_parser"]
root_doc = "index"

myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "Cisco vManage for Apache Airflow"
html_show_sourcelink = False
html_theme_options = {
    "source_repository": "https://github.com/airflow-provider-vmanage/airflow-provider-vmanage",
    "source_branch": "main",
    "source_directory": "docs/",
}

#: by page: the pages below it, in order, under their captions
CONTENTS = {
    "index": {
        "Begin": ["quickstart", "maintenance-window", "connection", "examples", "recipes", "troubleshooting"],
        "Tasks": [
            "operators/index",
            "sensors/image-version",
            "sensors/device-version",
            "sensors/device-task",
            "triggers/index",
            "filesystem",
            "rows",
        ],
        "How it works": [
            "architecture",
            "uploads",
            "desired-state",
            "devices",
            "report",
            "waits",
            "deferral",
            "events",
            "history",
            "retries",
            "reliability",
            "fault-matrix",
        ],
        "Operate": [
            "requirements",
            "deployment",
            "security",
            "scale",
            "notifications",
            "commands",
            "assumptions",
            "confirmed",
        ],
        "Test": ["testing", "simulator"],
        "Background": ["comparison", "verdicts", "glossary", "compatibility"],
        "Reference": ["api"],
    },
    "operators/index": {
        "": [
            "upload-image",
            "download-image",
            "delete-image",
            "list-images",
            "add-repo",
            "remote-server",
            "add-remote-image",
            "plan-repository",
            "apply-repository",
            "prune-images",
            "list-device-software",
            "plan-upgrade",
            "upgrade-devices",
            "install-software",
            "activate-software",
            "set-default-software",
            "remove-software",
        ]
    },
    "triggers/index": {
        "": ["image-version", "image-available", "device-task", "device-version", "device-health", "pause"]
    },
}


def complete(app: Sphinx, page: str, source: list[str]) -> None:
    """Add what Sphinx needs to the Markdown of a page."""
    text = re.sub(r'<a id="([^"]+)"></a>', r"[]{#\1}", source[0])
    for caption, pages in CONTENTS.get(page, {}).items():
        options = [":hidden:", f":caption: {caption}"] if caption else [":hidden:"]
        text += "\n".join(["", "```{toctree}", *options, "", *pages, "```", ""])
    source[0] = text


def setup(app: Sphinx) -> None:
    """Have each page completed when it is read."""
    app.connect("source-read", complete)
