"""Sending an action once: one request for each group of devices, and what to do when its response is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from airflow_provider_vmanage.client.changes import OUTCOME_OPEN, is_refusal
from airflow_provider_vmanage.client.device_actions.actions import (
    ActionKind,
    install_body,
    partition_body,
    process_id_of,
)
from airflow_provider_vmanage.client.device_actions.decisions import ActionRequest, Decision
from airflow_provider_vmanage.client.device_actions.notes import ActionNote, ActionNotes
from airflow_provider_vmanage.client.device_actions.running_tasks import RunningTasks
from airflow_provider_vmanage.client.device_actions.starting_manager import page_means_unavailable
from airflow_provider_vmanage.client.device_actions.state import ActionState, Job
from airflow_provider_vmanage.client.devices import DEVICE_TYPES, read_again
from airflow_provider_vmanage.client.errors import (
    VManageAuthenticationError,
    VManageCancelledError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
)
from airflow_provider_vmanage.client.session import ManagerSession

log = logging.getLogger(__name__)

#: seconds of readable responses in which a task, or its effect, is searched for after a response was lost
FIND_TIMEOUT_S = 60.0

_FIND_INTERVAL_S = 5.0


class ActionSender:
    """Sends an action, each request once.

    :param session: the session to use.
    :param running: the manager's running tasks.
    :param notes: given what is about to be sent before it is, and the id of the task after.
    :param time_left: returns the seconds until the action must have ended.
    :param obstacle: asked before each request; returns why no more may be sent, or ``None``.
    """

    def __init__(
        self,
        session: ManagerSession,
        running: RunningTasks,
        notes: ActionNotes,
        *,
        time_left: Callable[[], float],
        obstacle: Callable[[], str | None],
    ) -> None:
        self._session = session
        self._running = running
        self._notes = notes
        self._time_left = time_left
        self._obstacle = obstacle

    def send(self, state: ActionState, decisions: Mapping[str, Decision]) -> ActionState:
        """Send what is needed and return the state with its tasks.

        :raises VManageOutcomeUnknownError: the first response was lost, and nothing shows its outcome. Where
            tasks have been started already, the state says so instead, and they are waited for.
        :raises VManageError: the first request was refused or could not be sent, likewise.
        """
        notes = [*_notes_of(state), *(one for one in self._notes.read() if one.is_unexplained_reboot)]
        sent: set[str] = set()
        for group in _groups(decisions.values()):
            if reason := self._obstacle():
                return _with_the_rest_skipped(state, sent, reason)
            devices = {one.device_id: list(one.wanted.versions) for one in group}
            note = ActionNote(state.request.kind.name, state.request.activate, devices)
            self._notes.write([*notes, note])
            try:
                note.process_id = self._send_once(state.request, group) or ""
            except VManageCancelledError:
                raise
            except VManageError as err:
                if not (isinstance(err, VManageOutcomeUnknownError) and state.request.reboots):
                    self._notes.write(notes)
                if not (state.jobs or sent):
                    raise
                return _without_the_rest(state, sent, group, err)
            sent |= devices.keys()
            if note.process_id or state.request.reboots:
                notes.append(note)
            if note.process_id:
                state = state.with_job(Job(note.process_id, tuple(sorted(devices))))
            self._notes.write(notes)
        return state

    def _send_once(self, request: ActionRequest, group: Sequence[Decision]) -> str | None:
        """Send one request; return the id of its task, or ``None`` where only the devices show its effect."""
        kind = group[0].kind or request.kind
        body = self._body(request, kind, group)
        log.info("Sending %s for %s", kind.path, _named(group))
        try:
            return process_id_of(self._session.request("POST", kind.path, json=body, repeat_after_page=False).body)
        except OUTCOME_OPEN as err:
            if is_refusal(err):
                raise
            return self._find(request, kind, group, err)
        except VManageRejectedError as err:
            if not request.reboots or (err.status or 0) < 500:
                raise
            return self._find(request, kind, group, err)

    def _body(self, request: ActionRequest, kind: ActionKind, group: Sequence[Decision]) -> dict[str, Any]:
        targets = [replace(one.target, version=version) for one in group for version in one.versions]
        device_type = group[0].wanted.device.device_type or DEVICE_TYPES[0]
        if kind is not ActionKind.INSTALL:
            return partition_body(kind, targets, device_type=device_type)
        images = list(dict.fromkeys(one.image for one in group if one.image is not None))
        release = self._session.server.release
        return install_body(targets, images, device_type=device_type, release=release, activate=request.activate)

    def _find(
        self, request: ActionRequest, kind: ActionKind, group: Sequence[Decision], err: VManageError
    ) -> str | None:
        """Find the task of a request whose response was lost, or its effect. Nothing is sent again.

        :raises VManageOutcomeUnknownError: neither shows within a minute; final where devices may have rebooted, and
            where nothing can be read without a fix, such as after a refused login.
        """
        log.warning("%s; searching for its task and checking the devices for %.0f s", err, FIND_TIMEOUT_S)
        readable = 0.0
        while True:
            unread: VManageError | None = None
            try:
                with page_means_unavailable():
                    if found := self._running.read_new().of_ours({kind}, [one.target for one in group]):
                        return found[0].process_id
                    if self._is_done(request, group):
                        return None
                readable += _FIND_INTERVAL_S
            except VManageCancelledError:
                raise
            except VManageError as again:
                log.info("No news yet: %s", again)
                unread = again
                if not again.retryable:  # this will hardly become readable
                    readable += _FIND_INTERVAL_S
            is_refused = isinstance(unread, VManageAuthenticationError)
            if is_refused or readable > FIND_TIMEOUT_S or self._time_left() <= 0:
                raise _unknown(request, kind, group, err, unread) from err
            self._session.sleep(_FIND_INTERVAL_S)

    def _is_done(self, request: ActionRequest, group: Sequence[Decision]) -> bool:
        current = read_again(self._session, [one.wanted.device for one in group])
        return all(
            request.is_met_by(current.get(one.device_id, one.wanted.device), one.wanted.versions) for one in group
        )


def _groups(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """Return the devices that one request can name: one action, list of devices, version, and place of the image."""
    groups: dict[tuple[Any, ...], list[Decision]] = {}
    for one in decisions:
        if one.kind is not None:
            remote = one.image.remote_server_id if one.image else None
            key = (one.kind, one.wanted.device.device_type, one.versions, remote)
            groups.setdefault(key, []).append(one)
    return list(groups.values())


def _without_the_rest(state: ActionState, sent: Set[str], group: Sequence[Decision], err: VManageError) -> ActionState:
    """Return the state in which a group has failed and what comes after it is skipped; started tasks go on."""
    failed = {one.device_id for one in group}
    works = [work.end("failed", str(err)) if work.target.device_id in failed else work for work in state.works]
    state = replace(state, works=tuple(works), is_final=not err.retryable)
    return _with_the_rest_skipped(state, sent, "not sent, since an earlier request failed")


def _with_the_rest_skipped(state: ActionState, sent: Set[str], reason: str) -> ActionState:
    """Return the state in which devices are skipped that no task works on.

    :param sent: devices of requests that were sent; one whose response was lost may have no task.
    """
    started = sent | {device_id for job in state.jobs for device_id in job.device_ids}
    works = [
        work.end("skipped", reason) if work.action == "pending" and work.target.device_id not in started else work
        for work in state.works
    ]
    return replace(state, works=tuple(works))


def _unknown(
    request: ActionRequest, kind: ActionKind, group: Sequence[Decision], err: VManageError, unread: VManageError | None
) -> VManageOutcomeUnknownError:
    """Return the error for a request that nothing explains.

    :param err: that left its outcome open.
    :param unread: why the tasks and the versions could not be read in the end.
    """
    places = f"a running task nor the versions of {_named(group)}"
    seen = f"neither {places} can be read ({unread.message})" if unread else f"neither {places} show it"
    advice = "; check the devices and the manager's task list before you run it again" if request.reboots else ""
    error = VManageOutcomeUnknownError(
        f"The outcome of {kind.path} is unknown ({err.message}): {seen}{advice}", **err.fields
    )
    error.retryable = not request.reboots and (unread is None or unread.retryable)
    return error


def _named(group: Sequence[Decision]) -> str:
    names = [one.wanted.device.name for one in group]
    return f"{', '.join(names[:10])}{f' and {len(names) - 10} more' if len(names) > 10 else ''}"


def _notes_of(state: ActionState) -> list[ActionNote]:
    """Return one note for each task that the action waits for."""
    request = state.request
    return [
        ActionNote(request.kind.name, request.activate, _versions(state, job.device_ids), job.process_id)
        for job in state.jobs
    ]


def _versions(state: ActionState, device_ids: Iterable[str]) -> dict[str, list[str]]:
    versions = {work.target.device_id: list(work.versions) for work in state.works}
    return {device_id: versions[device_id] for device_id in device_ids}
