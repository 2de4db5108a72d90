"""Operators that bring a software repository to a desired state: plan, apply, prune."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.exceptions import partial_success
from airflow_provider_vmanage.masking import MaskedURLs
from airflow_provider_vmanage.operators.vmanage import VManageOperator
from airflow_provider_vmanage.reports.text_table import count_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_vmanage.client.changes import Change
    from airflow_provider_vmanage.client.desired_state.apply import DesiredState
    from airflow_provider_vmanage.client.desired_state.wanted import WantedImage
    from airflow_provider_vmanage.hooks.vmanage import VManageHook


class PlanRepositoryOperator(VManageOperator):
    """Plan the changes that bring the repository to the wanted state. Changes nothing; a retry is safe.

    Returns ``add``, ``keep``, ``remove`` and ``blocked`` (lists of rows with ``what``, ``version``, ``version_id``,
    ``file_name``, ``reason`` and more), ``digest`` (of the state that it saw), and ``images``, ``exact``, ``protect``
    as given, and ``markdown`` (the plan as a table, for a person who approves it). Pass all of it to
    :class:`ApplyRepositoryOperator`. ``blocked`` is what cannot be added, such as a source that cannot be read,
    what is listed with another checksum than the given one, and what must not be removed, such as an image in use.

    :param images: what the repository shall hold (templated): paths or URLs of images, or objects with ``source``
        (and ``file_name``, ``checksum`` as :class:`.UploadImageOperator` takes them), with ``file_name`` or ``version``
        of what has to be there already, with ``version_name`` and ``version_url``, or with ``remote_server`` and
        ``file_name``. A source must hold no password or query: a plan is an XCom.
    :param exact: remove all other images (templated). An image in use is never removed: see
        ``blocked``.
    :param protect: patterns of file names and versions that are kept in any case, such as ``vmanage-20.12.*``
        (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or a response that is not a list. A retry is safe.
    """

    template_fields: Sequence[str] = ("images", "exact", "protect", "vmanage_conn_id")
    images = MaskedURLs()

    def __init__(
        self,
        *,
        images: Sequence[str | dict[str, Any]] | str,
        exact: bool | str = False,
        protect: Sequence[str] | str = (),
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.images = images
        self.exact = exact
        self.protect = protect

    def work(self, context: Context) -> dict[str, Any]:
        """Return the plan."""
        from airflow_provider_vmanage.client.desired_state.plan import parse_wish
        from airflow_provider_vmanage.reports.repository_approval import COLUMNS, count_lines, plan_lines, render_plan

        wish = parse_wish(self.images, self.exact, self.protect)
        state = _desired_state(self.hook)
        plan = state.plan(wish)
        lines = plan_lines(plan, state.usage_of_plan, state.sizes)
        self.log.info("plan: %s", count_lines(lines))
        self.log_table(COLUMNS, [astuple(line) for line in lines])
        row = plan.as_row()
        manager, release = self.hook.settings.base_url, self.hook.get_conn().server.version
        return {**row, "markdown": render_plan(lines, manager=manager, release=release, digest=row["digest"])}


class ApplyRepositoryOperator(VManageOperator):
    """Make the changes of a plan, one at a time: first what is missing, then what goes.

    Plans again and stops where the manager, or what is in use, is no longer as the plan saw it. What the plan itself
    has done meanwhile does not count, so a rerun after a failure goes on where it stopped, and a rerun after success
    changes nothing. Before each removal the use of the image is read again (lists of devices are at most a
    minute old).

    Returns ``action`` (``applied``, ``unchanged``), ``changed``, ``added`` and ``removed`` (rows as those of
    :class:`.UploadImageOperator` and :class:`.DeleteImageOperator`), ``kept`` and ``blocked`` (with reasons),
    ``digest``, ``applied``. Where a change fails, the error says what was done and what was not tried, and the XCom
    ``done`` holds the rows of what was done.

    :param plan: the result of :class:`PlanRepositoryOperator` (templated).
    :param max_deletions: refuse a plan that removes more than this: nothing is changed then, and no retry helps.
    :param allow_empty: accept a plan with ``exact`` that wants no image at all (templated).
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated). Sources with a
        checksum are read to their end.
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: stale plan, too many deletions, something that cannot be added or is listed with
        another checksum, or a change failed in a way that no retry can fix. No retry.
    :raises VManageError: unavailable or outcome unknown; partly done. A retry is safe, and goes on.
    """

    publishes_images = True
    template_fields: Sequence[str] = ("plan", "allow_empty", "check_mode", "vmanage_conn_id")

    def __init__(
        self,
        *,
        plan: dict[str, Any] | str,
        max_deletions: int = 10,
        allow_empty: bool | str = False,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.plan = plan
        self.max_deletions = max_deletions
        self.allow_empty = allow_empty
        self._sources: dict[str, str] = {}  # by the name of the file, for lineage
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Make the changes and return what was done."""
        from airflow_provider_vmanage.client.arguments import parse_limit
        from airflow_provider_vmanage.client.desired_state.plan import check_plan

        limit = parse_limit(self.max_deletions, "max_deletions")
        allow_empty = self.flag(self.allow_empty, "allow_empty")
        check_mode = self.flag(self.check_mode, "check_mode")
        _, wish = check_plan(self.plan)
        self._sources = {name: one.source for one in wish.images if one.source for name in one.spellings}
        with partial_success(context):
            state = _desired_state(self.hook, check_mode=check_mode)
            row = state.apply(self.plan, max_deletions=limit, allow_empty=allow_empty)
        added, deleted = count_of(len(row["added"]), "image"), count_of(len(row["removed"]), "image")
        if check_mode:
            self.log.info("check mode: would add %s and delete %s; nothing was changed", added, deleted)
        else:
            self.log.info("%s: added %s, deleted %s", row["action"], added, deleted)
        return row

    def find_source(self, row: Mapping[str, Any]) -> str | None:
        """Return the source that the plan names for the file of the row."""
        return self._sources.get(row["file_name"])


class PruneImagesOperator(VManageOperator):
    """Delete old images that are not needed, so that the manager's disk stays free.

    Only images stored on the manager, with a known version and platform family, ever go; never one that a device
    runs, boots, or has while it cannot be reached, nor a version that a maintenance update (SMU) in the repository
    needs. Where devices cannot be listed nothing goes. Safe to run again.

    Returns ``action`` (``deleted``, ``unchanged``), ``changed``, ``removed`` (rows as those of
    :class:`.DeleteImageOperator`), ``kept`` (with the reason), ``refused`` (in check mode: why a real run would
    refuse), ``applied``.

    :param keep: number of newest versions that stay, per platform family and image type.
    :param protect: patterns of file names and versions that are kept in any case (templated).
    :param older_than: only images that were updated longer ago than this (templated): a timedelta, or text such as
        ``90d``, ``12h``, ``4w``.
    :param max_deletions: refuse to delete more than this: nothing is deleted then, and no retry helps.
    :param check_mode: change nothing and return what would be done, ``applied: false`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, too many deletions, refused by the manager. No retry.
    :raises VManageError: unavailable or outcome unknown; partly done. A retry is safe, and goes on.
    """

    publishes_images = True
    template_fields: Sequence[str] = ("protect", "older_than", "check_mode", "vmanage_conn_id")

    def __init__(
        self,
        *,
        keep: int,
        protect: Sequence[str] | str = (),
        older_than: timedelta | str | None = None,
        max_deletions: int = 10,
        check_mode: bool | str = False,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(vmanage_conn_id=vmanage_conn_id, **kwargs)
        self.keep = keep
        self.protect = protect
        self.older_than = older_than
        self.max_deletions = max_deletions
        self.check_mode = check_mode

    def work(self, context: Context) -> dict[str, Any]:
        """Delete them and return what was done."""
        from airflow_provider_vmanage.client.arguments import parse_limit
        from airflow_provider_vmanage.client.desired_state.prune import parse_rules

        rules = parse_rules(self.keep, self.protect, self.older_than)
        limit = parse_limit(self.max_deletions, "max_deletions")
        check_mode = self.flag(self.check_mode, "check_mode")
        with partial_success(context):
            state = _desired_state(self.hook, check_mode=check_mode)
            row = state.prune(rules, max_deletions=limit)
        deleted, kept = count_of(len(row["removed"]), "image"), len(row["kept"])
        if check_mode:
            self.log.info("check mode: would delete %s and keep %d; nothing was changed", deleted, kept)
        else:
            self.log.info("%s: deleted %s, kept %d", row["action"], deleted, kept)
        if row["refused"]:
            self.log.warning("check mode: would be refused: %s", row["refused"])
        return row


def _desired_state(hook: VManageHook, *, check_mode: bool = False) -> DesiredState:
    """Return the client's part, with sources as Airflow opens them."""
    from airflow_provider_vmanage.client.desired_state.apply import DesiredState
    from airflow_provider_vmanage.files.object_storage import open_checksum, open_source

    def upload(one: WantedImage) -> Change:
        return hook.upload_image(
            one.source or "", file_name=one.file_name, checksum=one.checksum, check_mode=check_mode
        )

    return DesiredState(
        hook.get_conn(), open_source=open_source, open_checksum=open_checksum, upload=upload, check_mode=check_mode
    )
