"""The button of a task that leads to the manager it worked on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import BaseOperatorLink

from airflow_provider_vmanage.client.errors import VManageError

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

#: Path of the page. The vendor documents the way in the menu (Maintenance > Software Repository or Software Upgrade),
#: but no source that we know gives a path, or one for a task of the manager, and it may differ by release: this is the
#: start page, which has that menu. The simulator shows its repository, devices and running tasks there.
START_PAGE = "/"


class SoftwareRepositoryLink(BaseOperatorLink):
    """Leads to the web page of the manager that a task talks to; there: *Maintenance > Software Repository*.

    Made of scheme, host and port of the connection alone, so there is nothing secret in it. The manager asks its
    visitor to sign in.
    """

    @property
    def name(self) -> str:
        """Return the text of the button."""
        return "Software repository"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link, empty where the connection cannot be read.

        Called on the worker when a task ends, with the operator as it ran: each mapped task has a manager of its own.
        """
        return _start_page_of(operator)


class SoftwareUpgradeLink(BaseOperatorLink):
    """Leads to the web page of the manager whose devices a task is about; there: *Maintenance > Software Upgrade*.

    No source gives the path of a single task of the manager, so none is built from its id: find the task there by the
    ``process_id`` in the log, the rows and the result.
    """

    @property
    def name(self) -> str:
        """Return the text of the button."""
        return "Software upgrade"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the link, empty where the connection cannot be read.

        Called on the worker when a task ends, with the operator as it ran: each mapped task has a manager of its own.
        """
        return _start_page_of(operator)


def show_links_now(operator: Any, context: Mapping[str, Any]) -> None:
    """Store a task's links as it begins: Airflow does so only when it ends, which may be hours later.

    :param operator: the operator that runs.
    :param context: of the running task.
    """
    task = context.get("ti")
    for link in operator.operator_extra_links if task else ():
        if url := link.get_link(operator, ti_key=task):  # as Airflow's task runner does
            task.xcom_push(key=link.xcom_key, value=url)  # type: ignore[union-attr]


def _start_page_of(operator: BaseOperator) -> str:
    hook = getattr(operator, "hook", None)
    try:
        return f"{hook.settings.base_url}{START_PAGE}" if hook else ""
    except (AirflowException, VManageError):
        return ""  # the task itself says what is wrong with its connection
