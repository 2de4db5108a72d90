"""The moment by which an upload must have ended, as a DAG gives it."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_vmanage.exceptions import VManageFailException
from airflow_provider_vmanage.operators.software_repository import UploadImageOperator
from airflow_provider_vmanage.simulator import Simulator


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(("hours", "arrives"), [(2, True), (-2, False)])
def test_operator_renders_the_moment(
    hours: int, arrives: bool, as_text: bool, vm: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extra = {"ca_bundle": vm.ca_bundle}
    connection = {"conn_type": "vmanage", "host": vm.url, "login": vm.username, "password": vm.password, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_VMANAGE_DEFAULT", json.dumps(connection))
    image = tmp_path / "a.bin"
    image.write_bytes(b"image")
    now = datetime.datetime.now(datetime.timezone.utc)
    template = f"{{{{ data_interval_end + macros.timedelta(hours={hours}) }}}}"
    not_after = template if as_text else now + datetime.timedelta(hours=hours)
    operator = UploadImageOperator(task_id="upload", source=str(image), not_after=not_after)

    context: Any = {"data_interval_end": now, "macros": datetime}
    operator.render_template_fields(context)
    if arrives:
        assert operator.execute(context)["action"] == "uploaded"
    else:
        with pytest.raises(VManageFailException, match=r"not_after is .* it is past"):
            operator.execute(context)
    assert len(vm.images) == arrives
    assert vm.counters.open_sessions == 0
