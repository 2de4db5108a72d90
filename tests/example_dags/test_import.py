"""Every example is a DAG file that Airflow takes, and stores, without a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

try:
    from airflow.dag_processing.dagbag import DagBag
    from airflow.serialization.serialized_objects import DagSerialization
except ImportError:  # Airflow 3.1
    from airflow.models.dagbag import DagBag
    from airflow.serialization.serialized_objects import SerializedDAG as DagSerialization

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    *sorted((ROOT / "example_dags").glob("*.py")),
    ROOT / "docs" / "compare_managers.py",
    ROOT / "docs" / "expand_operators.py",
    ROOT / "docs" / "load_image.py",
    ROOT / "docs" / "notify_chat.py",
    ROOT / "docs" / "plan_upgrade.py",
    ROOT / "docs" / "upgrade_fleet.py",
    ROOT / "docs" / "upload_metrics.py",
]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_makes_a_dag_of_its_name(path: Path) -> None:
    found = DagBag(str(path))
    assert found.import_errors == {}
    assert list(found.dags) == [path.stem]
    stored = DagSerialization.to_dict(found.dags[path.stem])
    assert stored["dag"]["tasks"]
