"""What changes a repository in an example has an outlet; what acts on devices has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.sdk import AssetAlias
from airflow.sdk.definitions.mappedoperator import MappedOperator

from airflow_provider_vmanage.operators.software_repository import RemoteServerOperator
from airflow_provider_vmanage.operators.vmanage import VManageOperator

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "example_dags").glob("*.py"))
ALIAS = [AssetAlias("vmanage_images")]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_tasks_that_change_images_are_those_with_an_alias(path: Path) -> None:
    (dag,) = DagBag(str(path)).dags.values()
    for task in dag.tasks:
        mapped = isinstance(task, MappedOperator)
        kind = task.operator_class if mapped else type(task)
        arguments = task.partial_kwargs if mapped else vars(task)
        if issubclass(kind, VManageOperator):
            reports_only = issubclass(kind, RemoteServerOperator) or arguments.get("check_mode") is True
            publishes = kind.publishes_images and not reports_only
            assert list(arguments.get("outlets", ())) == (ALIAS if publishes else []), task.task_id
