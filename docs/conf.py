"""How the pages are built: ``make docs``. Nothing is fetched while they are built."""

from __future__ import annotations

from airflow_provider_vmanage import __version__

project = "airflow-provider-vmanage"
author = project_copyright = "The airflow-provider-vmanage developers"
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "Cisco vManage for Apache Airflow"
html_show_sourcelink = False
html_theme_options = {
    "source_repository": "https://github.com/airflow-provider-vmanage/airflow-provider-vmanage",
    "source_branch": "main",
    "source_directory": "docs/",
}

autoclass_content = "class"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
python_use_unqualified_type_names = True
add_module_names = False

# A name that leads nowhere is an error. What other projects document is not ours to resolve without a network.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(airflow|collections|datetime|fsspec|os|pathlib|requests|types|typing|urllib)\..*"),
    ("py:.*", r"(Airflow\w+|ObjectStoragePath|Path|datetime|timedelta)"),
]
