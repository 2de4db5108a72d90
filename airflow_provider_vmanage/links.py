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

#: Path of the page. The vendor documents the way to it in the menu (Maintenance > Software Repository), but no source
#: that we know gives its path, and it may differ by release: this is the start page, which has that menu. The
#: simulator shows its repository there.
SOFTWARE_REPOSITORY_PAGE = "/"


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
        hook = getattr(operator, "hook", None)
        try:
            return f"{hook.settings.base_url}{SOFTWARE_REPOSITORY_PAGE}" if hook else ""
        except (AirflowException, VManageError):
            return ""  # the task itself says what is wrong with its connection


def show_links_now(operator: Any, context: Mapping[str, Any]) -> None:
    """Store a task's links as it begins: Airflow does so only when it ends, which may be hours later.

    :param operator: the operator that runs.
    :param context: of the running task.
    """
    task = context.get("ti")
    for link in operator.operator_extra_links if task else ():
        if url := link.get_link(operator, ti_key=task):  # as Airflow's task runner does
            task.xcom_push(key=link.xcom_key, value=url)  # type: ignore[union-attr]
