"""One poll for all who wait on one connection in a triggerer process, whatever they ask: one session, one thread.

Waiters with the same question share one request per interval. The calls are those of the hook, on a thread of its own
for each connection; the event loop only waits. The first to join starts the poll, the last to leave logs out.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async

from airflow_provider_vmanage.client.errors import VManageAuthenticationError, VManageError, VManageUnavailableError
from airflow_provider_vmanage.masking import masked

if TYPE_CHECKING:
    from airflow_provider_vmanage.hooks.vmanage import VManageHook

log = logging.getLogger(__name__)

T = TypeVar("T")

#: waiters that receive a result before other tasks of the loop get their turn
_BATCH = 100

#: seconds after which a refused login is sent once more; a lock of the account ends after 15 minutes
LOGIN_RETRY_S = 1200.0


class Question(Protocol):
    """What a waiter wants to know of a manager; equal and hashable where one request serves several waiters."""

    def __hash__(self) -> int:
        """Return the same for equal questions."""

    def ask(self, hook: VManageHook) -> Any:
        """Return the result, on the thread of the poll.

        :raises VManageError: as any read.
        """


class Waiter(Protocol):
    """A participant of a poll."""

    #: when the next poll is wanted, by ``time.monotonic()``
    due: float

    #: returns what :meth:`take` is given of a result, on the thread of the poll: for what would hold up the loop
    prepare: Callable[[Any], Any] | None

    @property
    def question(self) -> Question:
        """Return the question that its poll asks."""

    def take(self, result: Any) -> None:
        """Take what the question has returned, or the ``VManageError`` it has raised, and set the next ``due``.

        The poll may be one that another waiter with the same question asked for.
        """

    def fail(self, error: VManageError) -> None:
        """Stop waiting: the poll is over, and no other result follows."""


_polls: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Poll]] = WeakKeyDictionary()


def poll_of(vmanage_conn_id: str) -> Poll:
    """Return the poll of a connection in the running event loop.

    :param vmanage_conn_id: id of the connection.
    """
    polls = _polls.setdefault(asyncio.get_running_loop(), {})
    if vmanage_conn_id not in polls:
        polls[vmanage_conn_id] = Poll(vmanage_conn_id, on_end=partial(_forget, polls))
    return polls[vmanage_conn_id]


def _forget(polls: dict[str, Poll], poll: Poll) -> None:
    if polls.get(poll.vmanage_conn_id) is poll:
        del polls[poll.vmanage_conn_id]


class Poll:
    """Asks one manager whenever a waiter is due, and passes the result to all waiters with the same question.

    :param vmanage_conn_id: id of the connection.
    :param on_end: called with this poll when the last waiter leaves or the poll fails; who comes later needs another.
    """

    def __init__(self, vmanage_conn_id: str, *, on_end: Callable[[Poll], object] = lambda _: None) -> None:
        self.vmanage_conn_id = vmanage_conn_id
        self._on_end = on_end
        self._waiters: dict[Waiter, None] = {}
        self._next_poll = float("inf")
        self._sooner = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"vmanage-poll-{vmanage_conn_id}")
        self._busy = False
        self._closing = False
        self._hook: VManageHook | None = None
        self._refused_at = 0.0

    def join(self, waiter: Waiter) -> None:
        """Take part from now on."""
        self._waiters[waiter] = None
        if self._task is None:
            # In a context of its own: what the poll logs is not about the task that happened to be first.
            self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())
        elif waiter.due < self._next_poll:
            self._sooner.set()

    async def leave(self, waiter: Waiter) -> None:
        """Take part no longer; the last one waits until the session is logged out. Leaving twice is no error."""
        self._waiters.pop(waiter, None)
        if not self._waiters and self._task is not None:
            self._on_end(self)
            if self._busy and self._hook is not None:
                self._hook.abort()
            if not self._closing:  # a second cancel would break the logout off
                self._task.cancel()
            await asyncio.wait([self._task])

    # -- the loop --------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._waiters:
                await self._until_due()
                for question in self._due_questions():
                    await self._pass_on(question, await self._poll(question))
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit) as err:
            self._fail(err)
            raise
        except BaseException as err:  # Airflow's DeadlockImminentError is no Exception
            log.exception("The poll of connection %r failed", self.vmanage_conn_id)
            self._fail(err)
        finally:
            await self._close()

    def _fail(self, err: BaseException) -> None:
        """Fail all waiters with the reason, and make room for another poll: nothing may be left waiting."""
        self._on_end(self)
        error = _poll_failed(err)
        for waiter in list(self._waiters):
            waiter.fail(error)

    async def _until_due(self) -> None:
        """Wait for the first waiter that is due; one that joins meanwhile may be due sooner."""
        while self._waiters:
            self._sooner.clear()
            self._next_poll = min(waiter.due for waiter in self._waiters)
            try:
                await asyncio.wait_for(self._sooner.wait(), max(0.0, self._next_poll - time.monotonic()))
            except asyncio.TimeoutError:
                return

    def _due_questions(self) -> list[Question]:
        now = time.monotonic()
        return list(dict.fromkeys(waiter.question for waiter in self._waiters if waiter.due <= now))

    async def _pass_on(self, question: Question, result: Any) -> None:
        if isinstance(result, VManageError):
            log.warning("Polling %s with connection %r failed: %s", question, self.vmanage_conn_id, masked(str(result)))
        asking = [waiter for waiter in self._waiters if waiter.question == question]
        for number, waiter in enumerate(asking, start=1):
            waiter.take(await self._prepared(waiter, result))
            if number % _BATCH == 0:
                await asyncio.sleep(0)

    async def _prepared(self, waiter: Waiter, result: Any) -> Any:
        if waiter.prepare is None or isinstance(result, VManageError):
            return result
        return (await self._on_thread(partial(_prepare, waiter.prepare, result))).result

    # -- one request -----------------------------------------------------------------------------------------------

    async def _poll(self, question: Question) -> Any:
        """Ask once; if that fails and the connection was changed meanwhile, once more with the new one."""
        result = await self._ask(question)
        if isinstance(result, VManageError) and (
            await self._connection_changed() or await self._refusal_is_old(result)
        ):
            result = await self._ask(question)
        return result

    async def _refusal_is_old(self, error: VManageError) -> bool:
        """Return whether a refused login may be sent again, after a time in which a lock of the account ends."""
        if not isinstance(error, VManageAuthenticationError):
            return False
        now = time.monotonic()
        if not self._refused_at:
            self._refused_at = now
        if now - self._refused_at < LOGIN_RETRY_S:
            return False
        await self._drop_hook()
        return True

    async def _drop_hook(self) -> None:
        if self._hook is not None:
            await self._on_thread(self._hook.close)
        self._hook, self._refused_at = None, 0.0

    async def _ask(self, question: Question) -> Any:
        try:
            if self._hook is None:
                self._hook = await self._new_hook()
            return (await self._on_thread(partial(_ask, question, self._hook))).result
        except VManageError as err:
            return err
        except Exception as err:  # a broken library must not leave all waiting for ever
            log.exception("The poll of connection %r failed", self.vmanage_conn_id)
            return _poll_failed(err)

    async def _connection_changed(self) -> bool:
        """Take the connection as it is now, if it differs from the one in use; one that cannot be read does not."""
        if self._hook is None:
            return False
        try:
            new = await self._new_hook()
            if await self._on_thread(lambda: new.settings) == self._hook.settings:
                return False
        except VManageError:
            return False
        except Exception:
            log.warning("Connection %r could not be read again", self.vmanage_conn_id, exc_info=True)
            return False
        log.info("Connection %r has changed: opening a new session", self.vmanage_conn_id)
        await self._drop_hook()
        self._hook = new
        return True

    async def _new_hook(self) -> VManageHook:
        hook = await self._on_thread(partial(_new_hook, self.vmanage_conn_id))
        await hook.aload_connection()
        return hook

    async def _on_thread(self, work: Callable[[], T]) -> T:
        # asgiref's way rather than the event loop's: Airflow 3.1 masks a secret by a call that, on a thread, finds its
        # way back to the triggerer's loop only through asgiref, and hangs otherwise.
        return await sync_to_async(self._do, thread_sensitive=False, executor=self._thread)(work)

    def _do(self, work: Callable[[], T]) -> T:
        self._busy = True
        try:
            return work()
        finally:
            self._busy = False

    async def _close(self) -> None:
        self._closing = True
        try:
            if self._hook is not None:
                await self._on_thread(self._hook.close)
        except Exception:
            log.exception("The session of connection %r could not be closed", self.vmanage_conn_id)
        finally:
            self._thread.shutdown(wait=False)


@dataclass(frozen=True, slots=True, repr=False)
class _Sealed:
    """A result on its way from the thread: asyncio's messages show what a future holds, and errors quote a manager."""

    result: Any


def _poll_failed(err: BaseException) -> VManageUnavailableError:
    return VManageUnavailableError(f"The poll failed with {type(err).__name__}: see the triggerer's log")


def _ask(question: Question, hook: VManageHook) -> _Sealed:
    try:
        return _Sealed(question.ask(hook))
    except VManageError as err:
        return _Sealed(err)


def _prepare(prepare: Callable[[Any], Any], result: Any) -> _Sealed:
    return _Sealed(prepare(result))


def _new_hook(vmanage_conn_id: str) -> VManageHook:
    """Return a hook; on a thread, since the first import of the client takes a quarter of a second."""
    from airflow_provider_vmanage.hooks.vmanage import VManageHook

    return VManageHook(vmanage_conn_id)
