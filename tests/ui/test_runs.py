"""An example DAG, run from Airflow's pages in real Chromium, and the link of its tasks: ``make test-ui``."""

from __future__ import annotations

import pytest

from scripts.airflow_ui import AirflowUI
from scripts.simulated import image_name
from scripts.up import NEW, OLD, Site

pytestmark = [pytest.mark.ui, pytest.mark.timeout(1200)]

DAG = "upgrade_prep"


def test_dag_succeeds_and_its_link_shows_the_image(ui: AirflowUI, running: Site) -> None:
    vm = running.managers["vmanage_default"]
    assert image_name(OLD) in [one.file_name for one in vm.images]

    run = ui.trigger(DAG)
    ui.open_run(DAG, run)
    ui.wait_for_state("Success")

    (image,) = (one for one in vm.images if one.file_name == image_name(NEW))
    assert image_name(OLD) not in [one.file_name for one in vm.images]
    ui.open_task(DAG, run, "upload_image")
    ui.wait_for_state("Success")
    ui.page.get_by_text("sent in").first.wait_for()  # the log is there
    assert vm.password not in ui.visible_text()

    ui.open_task(DAG, run, "upload_image", "details")
    repository = ui.follow("Software repository")

    assert repository.url == f"{vm.url}/"
    row = repository.get_by_role("row").filter(has_text=image.file_name)
    cells = row.get_by_role("cell").all_inner_texts()
    assert cells[:5] == [image.file_name, NEW, "vmanage", "software", "67.1 MB"]
    assert repository.get_by_text(str(image.sha512)).count() == 1
