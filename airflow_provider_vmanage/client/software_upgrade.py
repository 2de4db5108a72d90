"""Actions on devices: read, adopt what already runs, decide, send once, wait, and verify by the devices' own versions.

The manager's POST has no key that makes a repetition harmless. So nothing is sent that a note of an earlier try, a
running task or the devices' versions explain, and a request whose response was lost is never sent again here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_vmanage.client.device_actions.actions import ActionKind
from airflow_provider_vmanage.client.device_actions.decisions import (
    ActionRequest,
    Decision,
    decide,
    find_image,
    version_of_file,
)
from airflow_provider_vmanage.client.device_actions.notes import ActionNotes, NoNotes
from airflow_provider_vmanage.client.device_actions.running_tasks import RunningTasks
from airflow_provider_vmanage.client.device_actions.selection import (
    GivenDevice,
    WantedDevice,
    are_listed,
    parse_devices,
    require_at_most_one,
    select_devices,
    wanted_versions,
)
from airflow_provider_vmanage.client.device_actions.sending import ActionSender
from airflow_provider_vmanage.client.device_actions.starting_manager import page_means_unavailable
from airflow_provider_vmanage.client.device_actions.state import ActionState, DeviceWork, Job, done_word
from airflow_provider_vmanage.client.device_actions.task_status import MAX_REFUSALS, read_status, verdict_of
from airflow_provider_vmanage.client.device_actions.verification import judge, judge_at_end
from airflow_provider_vmanage.client.devices import DEVICE_TYPES, Device, list_devices_of_type, read_again
from airflow_provider_vmanage.client.errors import (
    VManageBlockedError,
    VManageCancelledError,
    VManageError,
    VManageOutcomeUnknownError,
    VManageRejectedError,
    VManageTooManyDevicesError,
)
from airflow_provider_vmanage.client.models import SoftwareImage
from airflow_provider_vmanage.client.session import ManagerSession
from airflow_provider_vmanage.client.software_repository import SoftwareRepository

log = logging.getLogger(__name__)

#: seconds for which the lists may lag behind an action that reboots nothing
LIST_LAG_S = 60.0

_VERIFY_INTERVAL_S = 10.0


class SoftwareUpgrade:
    """Actions on the devices of one manager.

    :param session: the session to use; its owner closes it.
    :param check_mode: read and check everything, send nothing, and return what would be done.
    :param notes: of earlier tries of the same task.
    :param keeps_notes: the caller clears the notes, once it has stored what they led to.
    :param clock: seconds that only go forward, if not those of the session.
    """

    def __init__(
        self,
        session: ManagerSession,
        *,
        check_mode: bool = False,
        notes: ActionNotes | None = None,
        keeps_notes: bool = False,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.session = session
        self.check_mode = check_mode
        self._notes = notes or NoNotes()
        self._ends_notes = not check_mode and not keeps_notes
        self.clock = clock or session.clock.monotonic
        self._running = RunningTasks(session)

    def run(
        self,
        request: ActionRequest,
        devices: Any,
        versions: Sequence[str] = (),
        *,
        timeout: float = 7200.0,
        poll_interval: float = 30.0,
        **options: Any,
    ) -> ActionState:
        """Do the action, wait until it has ended, and return the verified state.

        :param timeout: seconds for the manager's tasks and for devices to come back.
        :param poll_interval: seconds between two polls.
        :param options: of :meth:`submit`, which also names the errors.
        """
        deadline = self.clock() + timeout
        state = self.submit(request, devices, versions, deadline=deadline, **options)
        state = self.verify(self.wait(state, deadline, poll_interval), deadline)
        self.end_notes(state)
        return state

    def submit(
        self,
        request: ActionRequest,
        devices: Any,
        versions: Sequence[str] = (),
        *,
        file_name: str | None = None,
        max_devices: int = 50,
        skip_blocked: bool = False,
        sent_before: Collection[str] = (),
        deadline: float = math.inf,
        obstacle: Callable[[], str | None] = lambda: None,
    ) -> ActionState:
        """Read, adopt and decide, then send what is needed, once.

        :param devices: host names, system IPs, uuids, or rows of a list or plan.
        :param versions: one, several for a removal, or none where the rows or the image of ``file_name`` have them.
        :param file_name: of the image to install; the only way to name a remote one, whose version has to be given.
        :param max_devices: fail, and send nothing, if more devices than this would change.
        :param skip_blocked: act on the others where some devices are blocked.
        :param sent_before: ids of devices that an earlier try has sent the action; they are taken over, or blocked.
        :param deadline: until when the task of a lost response is searched for at most, by the clock.
        :param obstacle: asked before each request; returns why no more may be sent, or ``None``. What is left then is
            ``skipped`` for this reason.
        :raises VManageConfigurationError: bad input. Nothing was sent, like after the next four.
        :raises VManageNotFoundError: an unknown device.
        :raises VManageAmbiguousError: a name matches several devices.
        :raises VManageBlockedError: devices are unreachable, busy or unfit, and ``skip_blocked`` is not set.
        :raises VManageTooManyDevicesError: more than ``max_devices`` would change.
        :raises VManageOutcomeUnknownError: the response was lost, and nothing shows the outcome.
            Retryable unless the action reboots.
        """
        given = parse_devices(devices)  # bad input is refused before anything is read
        if request.kind is not ActionKind.REMOVE:
            require_at_most_one(versions)
        if file_name and not versions and not any(one.version for one in given):
            versions = version_of_file(SoftwareRepository(self.session).list_images(), file_name)
        self._running.read()  # before the devices, which show what a task does that ends in between
        wanted = self.select(devices, versions)
        jobs = self._adopt(request, wanted)
        adopted = {device_id for job in jobs for device_id in job.device_ids}
        decisions = self._decide(request, [one for one in wanted if one.device.device_id not in adopted], file_name)
        decisions |= {key: _blocked_by_earlier_try(decisions[key]) for key in sent_before if _is_open(decisions, key)}
        try:
            self._refuse_unknown_intent(request, decisions)
            _refuse_blocked(decisions, skip_blocked)
            _refuse_too_many(decisions, max_devices)
            state = self._begin(request, wanted, jobs, decisions)
            time_left = lambda: deadline - self.clock()  # noqa: E731
            sender = ActionSender(self.session, self._running, self._notes, time_left=time_left, obstacle=obstacle)
            return state if self.check_mode else sender.send(state, decisions)
        except VManageOutcomeUnknownError:
            if self._ends_notes and request.reboots:
                self._notes.keep_until_cleared()
            raise

    def wait(self, state: ActionState, deadline: float, poll_interval: float) -> ActionState:
        """Poll until every task of the manager has ended, or the deadline has passed.

        :param deadline: by the clock.
        :param poll_interval: seconds between two polls.
        """
        while not state.has_ended:
            state = self.poll(state)
            left = deadline - self.clock()
            if state.has_ended or left <= 0:
                break
            self.session.sleep(min(poll_interval, left))
        return state

    def poll(self, state: ActionState) -> ActionState:
        """Ask for each task that has no verdict yet; no news of a task is no verdict.

        :raises VManageAuthenticationError: the login is refused; the manager's tasks go on.
        """
        for job in state.jobs:
            if job.verdicts is None:
                state = state.with_job(self._poll_job(state, job))
        return state

    def verify(self, state: ActionState, deadline: float) -> ActionState:
        """Read the devices again, and return the state with an outcome for each.

        A success of the manager without effect is a failure, and a failure with the effect is a success.

        :param deadline: until when a device that reboots may take to come back, by the clock. Without a
            reboot a minute is enough.
        """
        if not state.request.reboots:
            deadline = min(deadline, self.clock() + LIST_LAG_S)
        while state.is_pending:
            state = self.verify_now(state)
            left = deadline - self.clock()
            if not state.is_pending or left <= 0:
                break
            self.session.sleep(min(_VERIFY_INTERVAL_S, left))
        return judge_at_end(state)

    def end_notes(self, state: ActionState) -> None:
        """Drop the notes of a verified action. A kill before that leaves them, and the next try sends nothing twice.

        Where devices may have rebooted the notes stay until a person clears the task: a kill on the way out makes
        Airflow retry it. A task that reboots nothing and has given no verdict keeps its note for a retry.
        """
        if not self._ends_notes:
            return
        if state.request.reboots:
            self._notes.keep_until_cleared()
        elif not state.is_undecided:
            self._notes.clear()

    def verify_now(self, state: ActionState) -> ActionState:
        """Read the devices once, and return the state with an outcome for each that has one by now."""
        if not state.is_pending:
            return state
        try:
            pending = [work.device for work in state.works if work.action == "pending"]
            with page_means_unavailable():
                return judge(state, read_again(self.session, pending))
        except VManageCancelledError:
            raise
        except VManageError as err:
            if not err.retryable:
                raise
            log.info("The devices cannot be listed yet: %s", err)
            return judge(state, {})

    def select(self, devices: Any, versions: Sequence[str]) -> list[WantedDevice]:
        """Return the devices of the manager that are meant, each with the versions; one to three calls.

        :raises VManageError: as :meth:`submit`.
        """
        given = parse_devices(devices)
        selected = select_devices(given, self._read_until_found(given))
        return [WantedDevice(device, wanted_versions(one, versions)) for one, device in selected]

    def _read_until_found(self, given: Sequence[GivenDevice]) -> list[Device]:
        """Return the lists that hold the given devices: all, unless the first ones hold all of them by their uuids."""
        devices: list[Device] = []
        for device_type in DEVICE_TYPES:
            devices += list_devices_of_type(self.session, device_type)
            if are_listed(given, devices):
                break
        return devices

    def _adopt(self, request: ActionRequest, wanted: Sequence[WantedDevice]) -> list[Job]:
        """Return the tasks that already work on these devices: those noted by an earlier try, and running ones."""
        versions = {one.device.device_id or "": one.versions for one in wanted}
        targets = {one.device.device_id or "": one.device.as_target() for one in wanted}
        jobs: list[Job] = []
        notes = self._notes.read()
        for note in notes:
            ours = tuple(sorted(key for key in targets if note.is_about(request, key, versions[key])))
            if note.process_id and ours:
                jobs.append(Job(note.process_id, ours))
                targets = {key: target for key, target in targets.items() if key not in ours}
        kinds = {request.kind, ActionKind.ACTIVATE} if request.reboots else {request.kind}
        jobs += self._running.of_ours(kinds, list(targets.values()), without={note.process_id for note in notes})
        for job in jobs:
            log.info("Task %s already works on %d of the devices: taking it over", job.process_id, len(job.device_ids))
        return jobs

    def _decide(
        self, request: ActionRequest, wanted: Sequence[WantedDevice], file_name: str | None
    ) -> dict[str, Decision]:
        images: list[SoftwareImage] | None = None

        def image_for(device: Device, version: str) -> Any:
            nonlocal images
            if images is None:  # one list for all devices, an empty one too
                images = SoftwareRepository(self.session).list_images()
            return find_image(images, device, version, file_name, self.session.server.release)

        busy = self._running.reason_busy
        decisions = [decide(request, one, busy=busy, image_for=image_for) for one in wanted]
        return {one.device_id: one for one in decisions}

    def _refuse_unknown_intent(self, request: ActionRequest, decisions: dict[str, Decision]) -> None:
        """Raise if an earlier try may have sent a reboot that neither a task nor the versions explain."""
        notes = self._notes.read() if request.reboots else []
        unclear = [note for note in notes if note.is_unexplained_reboot]
        may_have = {
            key: note.sent_at
            for note in unclear
            for key in note.devices
            if _is_open(decisions, key) and not note.is_explained_by(decisions[key].wanted.device)
        }
        if not may_have:
            return
        names = ", ".join(f"{decisions[key].wanted.device.name} ({at})" for key, at in may_have.items())
        error = VManageOutcomeUnknownError(
            f"An earlier try may have sent the action to {names}, and neither a running task nor the versions show "
            "it: check the devices and the manager's task list before you run it again"
        )
        error.retryable = False
        raise error

    def _begin(
        self,
        request: ActionRequest,
        wanted: Sequence[WantedDevice],
        jobs: Sequence[Job],
        decisions: dict[str, Decision],
    ) -> ActionState:
        works = [
            DeviceWork(one.device, one.versions, one.device.as_target(), from_version=one.device.running)
            for one in wanted
        ]
        works = [_decided(work, decisions.get(work.target.device_id), request, self.check_mode) for work in works]
        state = ActionState(request, tuple(works), applied=not self.check_mode)
        for job in jobs:
            state = state.with_job(job)
        return state

    def _poll_job(self, state: ActionState, job: Job) -> Job:
        targets = state.targets_of(job)
        try:
            status = read_status(self.session, job.process_id)
        except VManageCancelledError:
            raise
        except VManageRejectedError as err:
            return job if err.retryable else _refused(job, err)
        except VManageError as err:
            if not err.retryable:
                raise
            log.info("No news of task %s: %s", job.process_id, err)
            return job
        if not status.has_ended(targets):
            return replace(job, refusals=0)
        return replace(job, verdicts={one.device_id: verdict_of(status, one) for one in targets})


def _is_open(decisions: dict[str, Decision], device_id: str) -> bool:
    return device_id in decisions and decisions[device_id].is_open


def _blocked_by_earlier_try(decision: Decision) -> Decision:
    blocked = f"an earlier try has sent this, its task has ended, and the device runs {decision.wanted.device.running}"
    return replace(decision, kind=None, blocked=decision.blocked or blocked)


def _refused(job: Job, err: VManageError) -> Job:
    """Return the task after one more refusal to report on it; after three the lists have to do."""
    log.warning("The manager refuses to report on task %s: %s", job.process_id, err)
    refusals = job.refusals + 1
    return replace(job, refusals=refusals, verdicts={} if refusals >= MAX_REFUSALS else None)


def _decided(work: DeviceWork, decision: Decision | None, request: ActionRequest, check_mode: bool) -> DeviceWork:
    if decision is None:
        return work.end(done_word(request), "a task of the manager already does it") if check_mode else work
    if decision.blocked:
        return work.end("skipped", decision.blocked)
    if decision.kind is None:
        return work.end("unchanged")
    return work.end(done_word(request)) if check_mode else work


def _refuse_blocked(decisions: dict[str, Decision], skip_blocked: bool) -> None:
    blocked = [one for one in decisions.values() if one.blocked]
    if blocked and not skip_blocked:
        texts = [f"{one.wanted.device.name}: {one.blocked}" for one in blocked[:10]]
        more = f"; and {len(blocked) - 10} more" if len(blocked) > 10 else ""
        raise VManageBlockedError(
            f"Nothing was sent: {len(blocked)} of {len(decisions)} devices are blocked ({'; '.join(texts)}{more}). "
            "Set skip_blocked to act on the others"
        )


def _refuse_too_many(decisions: dict[str, Decision], max_devices: int) -> None:
    count = sum(one.kind is not None for one in decisions.values())
    if count > max_devices:
        raise VManageTooManyDevicesError(
            f"Nothing was sent: {count} devices would change, but max_devices is {max_devices}: "
            "raise it, or choose fewer devices"
        )
