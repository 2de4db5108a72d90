"""What all operators share, and what sensors share with them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator, BaseOperatorLink

from airflow_provider_vmanage.client.errors import VManageError
from airflow_provider_vmanage.exceptions import failure_of
from airflow_provider_vmanage.lineage import openlineage_of, publish_change
from airflow_provider_vmanage.links import SoftwareRepositoryLink, show_links_now
from airflow_provider_vmanage.reports.text_table import text_table

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_vmanage.hooks.vmanage import VManageHook

#: what a change would do, by the action that it has done
_VERBS = {
    "added": "add",
    "uploaded": "upload",
    "downloaded": "download",
    "replaced": "replace",
    "updated": "update",
    "deleted": "delete",
}


class ManagerTask:
    """A task that talks to one manager: the hook, the link from the first second on, and ``on_kill``."""

    template_fields: Collection[str] = ("vmanage_conn_id",)
    template_ext: Sequence[str] = ()  # an image that ends in a template's extension is still no template
    operator_extra_links: Collection[BaseOperatorLink] = (SoftwareRepositoryLink(),)

    vmanage_conn_id: str

    @cached_property
    def hook(self) -> VManageHook:
        """Return the hook; imported here so that a DAG file does not pay for the client."""
        from airflow_provider_vmanage.hooks.vmanage import VManageHook

        return VManageHook(self.vmanage_conn_id)

    @contextmanager
    def one_session(self, context: Context) -> Iterator[None]:
        """Log out at the end of the block in any case; store the links at its beginning."""
        with self.hook:
            show_links_now(self, context)
            yield

    def on_kill(self) -> None:
        """Break off the call under way: the supervisor gives a killed task five seconds."""
        self.hook.abort()


class VManageOperator(ManagerTask, BaseOperator):
    """Shared behaviour: one session, error mapping, log lines.

    :param vmanage_conn_id: id of the connection (templated).
    """

    ui_color: str = "#d5e8f7"

    #: whether the result is about images, for asset events and lineage
    publishes_images: ClassVar[bool] = False

    #: what the operator returns of a change, for lineage; ``None`` until then
    change: dict[str, Any] | None = None

    def __init__(self, *, vmanage_conn_id: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vmanage_conn_id = vmanage_conn_id

    def execute(self, context: Context) -> Any:
        """Do the work in one session, and log out in any case.

        :raises VManageFailException: a client error that a retry cannot fix.
        :raises VManageError: any other client error.
        """
        try:
            with self.one_session(context):
                result = self.work(context)
                if self.publishes_images:
                    self.change = publish_change(
                        context,
                        result,
                        base_url=self.hook.settings.base_url,
                        outlets=self.outlets,
                        hook=self.hook,
                    )
                return result
        except VManageError as err:
            failure = failure_of(err)
        raise failure  # here, so that Airflow logs one frame of ours

    def work(self, context: Context) -> Any:
        """Return the XCom; the hook is open around it."""
        raise NotImplementedError

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return input and output of a change; called by the OpenLineage provider where it is installed."""
        return openlineage_of(self.change, lambda: self.hook.settings.base_url, self.find_source)

    def log_table(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Log rows as a table, a line each."""
        for line in text_table(columns, rows) if rows else ():
            self.log.info("%s", line)

    def report(self, row: dict[str, Any]) -> dict[str, Any]:
        """Log in one line what was done, or in check mode would be done, and return it."""
        known = {name: row[name] for name in ("name", "file_name", "version", "version_id") if row.get(name)}
        text = ", ".join(f"{name} {value}" for name, value in known.items())
        action = row["action"]
        if row["applied"]:
            self.log.info("%s: %s", action, text)
        elif action in _VERBS:
            self.log.info("check mode: would %s %s; nothing was changed", _VERBS[action], text)
        else:
            self.log.info("check mode: %s: %s", action, text)
        return row

    def find_source(self, row: Mapping[str, Any]) -> str | None:
        """Return where the bytes of a row came from, for lineage.

        :param row: one change of what the operator returns, in which something was sent.
        """
        return None

    @staticmethod
    def flag(value: bool | str, field: str) -> bool:
        """Return a boolean argument that a template may have made text.

        :raises VManageConfigurationError: neither true nor false.
        """
        from airflow_provider_vmanage.client.arguments import parse_bool

        return parse_bool(value, field=field)
