"""Plan, apply and prune: read what a plan needs, and make its changes one at a time.

What opens a source and uploads it is given, since sources may belong to Airflow.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.changes import Change
from airflow_provider_vmanage.client.desired_state.plan import (
    Plan,
    State,
    Wish,
    check_plan,
    make_image_row,
    make_plan,
    raise_if_stale,
)
from airflow_provider_vmanage.client.desired_state.prune import PruneRules, choose_images
from airflow_provider_vmanage.client.desired_state.steps import Step, check_deletion_limit, raise_if_refused, take_steps
from airflow_provider_vmanage.client.device_actions.usage import CachedUsage, Usage
from airflow_provider_vmanage.client.errors import (
    VManageCancelledError,
    VManageConflictError,
    VManageError,
    VManageTooManyDeletionsError,
)
from airflow_provider_vmanage.client.image_metadata import confirm_checksum
from airflow_provider_vmanage.client.releases import explain_unsupported_url
from airflow_provider_vmanage.client.remote_servers import RemoteServers
from airflow_provider_vmanage.client.software_repository import SoftwareRepository

if TYPE_CHECKING:
    from airflow_provider_vmanage.client.desired_state.wanted import WantedImage
    from airflow_provider_vmanage.client.models import SoftwareImage
    from airflow_provider_vmanage.client.session import ManagerSession
    from airflow_provider_vmanage.client.upload.checksums import Checksum
    from airflow_provider_vmanage.client.upload.sources import ImageSource

log = logging.getLogger(__name__)

_IN_USE_SINCE = "it is in use now, so the plan is no longer valid: plan again"


class DesiredState:
    """Brings the software repository of one manager to the wanted state.

    :param session: with the manager; its owner closes it.
    :param open_source: opens the source of an upload, without reading its bytes; raises if it cannot be read.
    :param open_checksum: returns the checksum that is given for a file name, or that a list gives for it.
    :param upload: uploads one wanted image; safe to run again.
    :param check_mode: read and check everything, change nothing. ``upload`` has to do the same.
    """

    def __init__(
        self,
        session: ManagerSession,
        *,
        open_source: Callable[[str], ImageSource],
        open_checksum: Callable[[str | None, str], Checksum | None],
        upload: Callable[[WantedImage], Change],
        check_mode: bool = False,
    ) -> None:
        self.check_mode = check_mode
        self.repository = SoftwareRepository(session, check_mode=check_mode)
        self.usage = CachedUsage(session)
        #: bytes of the sources that the last plan opened
        self.sizes: dict[WantedImage, int] = {}
        #: what the last plan was made by, or ``None`` if it deletes nothing
        self.usage_of_plan: Usage | None = None
        self._open_source = open_source
        self._open_checksum = open_checksum
        self._upload = upload

    def plan(self, wish: Wish) -> Plan:
        """Return the plan. Lists the images, and devices and tasks if images may be deleted.

        The sources of missing images are opened, so an unreadable source is blocked in the plan. So is a listed image
        of which the manager shows another checksum than the given one.
        """
        servers: dict[str, str] = {}
        if any(one.remote_server for one in wish.images):
            servers = {one.name: one.server_id or "" for one in RemoteServers(self.repository).read()}
        usage = self.usage_of_plan = self.usage.now() if wish.exact else None
        state = State(self.repository.list_images(), usage or Usage(), servers)
        bare = make_plan(wish, state)
        obstacles = {one: reason for one in bare.add if (reason := self._obstacle(one, servers))}
        obstacles |= {one: reason for one in wish.images if (reason := self._conflict(one, state))}
        return make_plan(wish, state, obstacles) if obstacles else bare

    def apply(self, given: Any, *, max_deletions: int, allow_empty: bool) -> dict[str, Any]:
        """Make the changes of a plan one at a time; a rerun continues where the last one stopped.

        :raises VManageStalePlanError: the repository has changed since the plan was made.
        :raises VManageTooManyDeletionsError: it deletes more than ``max_deletions``, or everything.
        :raises VManageConflictError: a wanted image cannot be added, or is listed with another checksum.
        :raises VManagePartialError: one change failed.
        """
        old, wish = check_plan(given)
        if wish.exact and not wish.images and not allow_empty:
            raise VManageTooManyDeletionsError(
                "The plan wants no image at all (exact, and images is empty): set allow_empty to delete all images"
            )
        raise_if_refused(check_deletion_limit(len(old["remove"]), max_deletions))
        plan = self._plan_again(old, wish)
        raise_if_refused(check_deletion_limit(len(plan.remove), max_deletions))
        _raise_if_incomplete(plan)
        self._log_blocked(plan)
        return self._make_changes(plan)

    def prune(self, rules: PruneRules, *, max_deletions: int) -> dict[str, Any]:
        """Delete the images that no rule keeps and that are not in use.

        :raises VManageTooManyDeletionsError: more than ``max_deletions`` images; in check mode the result says so.
        :raises VManagePartialError: one deletion failed.
        """
        images, usage = self.repository.list_images(), self.usage.now()
        if usage.problem is not None:
            log.warning(
                "Every image counts as in use, since the %s could not be listed: %s", usage.unread, usage.problem
            )
        chosen = choose_images(images, rules, usage, datetime.now(timezone.utc))
        refused = check_deletion_limit(len(chosen.remove), max_deletions)
        if not self.check_mode:
            raise_if_refused(refused)
        rows = take_steps([self._removal(image) for image in chosen.remove], check_mode=self.check_mode)
        return {
            "action": "deleted" if _changed(rows) else "unchanged",
            "changed": _changed(rows),
            "removed": rows,
            "kept": [make_image_row(image, reason) for image, reason in chosen.keep],
            "refused": refused,
            "applied": not self.check_mode,
        }

    def _plan_again(self, old: Mapping[str, Any], wish: Wish) -> Plan:
        plan = self.plan(wish)
        if wish.exact and old["remove"] and (problem := self.usage.now().problem) is not None:
            raise problem
        raise_if_stale(old, plan)
        return plan

    def _log_blocked(self, plan: Plan) -> None:
        not_deleted = "check mode: would not delete" if self.check_mode else "Not deleted:"
        for image, reason in plan.blocked:
            log.warning("%s %s: it %s", not_deleted, image.describe(), reason)

    def _make_changes(self, plan: Plan) -> dict[str, Any]:
        additions = [Step(f"add {one.describe()}", self._addition(one)) for one in plan.add]
        removals = [self._removal(image) for image in plan.remove]
        rows = take_steps([*additions, *removals], check_mode=self.check_mode)
        row = plan.as_row()
        return {
            "action": "applied" if _changed(rows) else "unchanged",
            "changed": _changed(rows),
            "added": rows[: len(additions)],
            "removed": rows[len(additions) :],
            "kept": row["keep"],
            "blocked": row["blocked"],
            "digest": row["digest"],
            "applied": not self.check_mode,
        }

    def _addition(self, one: WantedImage) -> Callable[[], Change]:
        if one.version_name is not None:
            name, url = one.version_name, one.version_url or ""
            return lambda: self.repository.add_url(name, url)
        if one.remote_server is not None:
            server, file_name = one.remote_server, one.file_name or ""
            return lambda: RemoteServers(self.repository).add_image(server, file_name, one.platform_family)
        return lambda: self._upload(one)

    def _removal(self, image: SoftwareImage) -> Step:
        def remove() -> Change:
            self.usage.now().refuse(image, _IN_USE_SINCE)
            return self.repository.delete_listed(image)

        return Step(f"delete {image.describe()}", remove)

    def _obstacle(self, one: WantedImage, servers: dict[str, str]) -> str | None:
        """Return why a missing image cannot be added, as far as that is known before anything is sent."""
        if one.version_url is not None:
            return explain_unsupported_url(self.repository.session.server)
        if one.remote_server is not None:
            known = {*servers, *servers.values()}
            return None if one.remote_server in known else f"the remote server {one.remote_server!r} does not exist"
        try:
            if one.source is not None:
                self._open_checksum(one.checksum, one.file_name or "")
                self.sizes[one] = self._open_source(one.source).size
        except VManageCancelledError:
            raise
        except VManageError as err:
            return f"cannot be read: {err}"
        return None

    def _conflict(self, one: WantedImage, state: State) -> str | None:
        """Return why a listed image is not the wanted one: the checksum that the manager shows differs."""
        if one.checksum is None:
            return None
        promised = partial(self._open_checksum, one.checksum, one.file_name or "")
        try:
            for image in state.find(one):
                confirm_checksum(self.repository.session, Change("unchanged", image), promised)
        except VManageCancelledError:
            raise
        except VManageError as err:
            return f"is listed already: {err}"
        return None


def _raise_if_incomplete(plan: Plan) -> None:
    if plan.blocked_adds:
        texts = "; ".join(f"{one.describe()}: {reason}" for one, reason in plan.blocked_adds)
        raise VManageConflictError(f"Not started: the plan cannot complete ({texts}). Nothing was changed")


def _changed(rows: list[dict[str, Any]]) -> bool:
    return any(row["changed"] for row in rows)
