"""Run example DAGs one after the other in one process, with a new database: Airflow's start is what takes the time.

``scripts.demo`` starts it, shows what is for people of its output, and reads the results.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

#: begins a line that a person wants to see as it is
SAY = "== "

#: begins a line with the JSON of what a DAG returned: ``dag``, ``state``, ``results`` by task
ENDED = "[DEMO] ended "


def main() -> int:
    """Run the DAGs that the arguments name; return the exit code.

    The arguments are the folder of the DAGs, and a JSON list of a DAG, words about it, and the conf of its run.
    """
    folder, wanted = sys.argv[1], json.loads(sys.argv[2])
    print(f"{SAY}Creating the database of a temporary Airflow", flush=True)
    from airflow.utils.db import upgradedb  # takes seconds

    upgradedb()
    dags = dags_of(folder)
    for name, about, conf in wanted:
        print(f"{SAY}Running {folder}/{name}.py{about}", flush=True)
        dag = dags[name]
        dag.deadline = None  # dag.test of Airflow 3.3.2 fails with one
        state = dag.test(run_conf=conf, mark_success_pattern="approve").state  # no one is there to approve
        print(ENDED + json.dumps({"dag": name, "state": state, "results": results_of(name)}), flush=True)
        if state != "success":
            return 1
    return 0


def dags_of(folder: str) -> Any:
    """Return the DAGs of a folder, by id."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # Airflow 3.1
        from airflow.models.dagbag import DagBag
    return DagBag(folder).dags


def results_of(dag_id: str) -> dict[str, Any]:
    """Return the XCom of each task of the only run."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        wanted = select(XComModel).where(XComModel.key == "return_value", XComModel.dag_id == dag_id)
        return {xcom.task_id: xcom.value for xcom in session.scalars(wanted)}


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Python needs seconds to free all that Airflow has imported
