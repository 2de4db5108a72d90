"""The simulator as its users see it."""

from __future__ import annotations

import shutil
import ssl
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_vmanage.simulator.app import Gate
from airflow_provider_vmanage.simulator.controls import DeviceControls, RepositoryControls
from airflow_provider_vmanage.simulator.devices.fleet import add_fleet
from airflow_provider_vmanage.simulator.devices.store import DeviceStore
from airflow_provider_vmanage.simulator.exchange import ReceivedRequest, RequestLog, Transports
from airflow_provider_vmanage.simulator.faults.book import FaultBook
from airflow_provider_vmanage.simulator.login import Login
from airflow_provider_vmanage.simulator.manager import Manager, tenants_from
from airflow_provider_vmanage.simulator.outage import Outage
from airflow_provider_vmanage.simulator.releases import Release, release_for
from airflow_provider_vmanage.simulator.repository import Repository
from airflow_provider_vmanage.simulator.server import ServerThread
from airflow_provider_vmanage.simulator.sessions import Lockout, SessionStore
from airflow_provider_vmanage.simulator.tls import OWN_ADDRESS, ca_path, disposable_context, server_context
from airflow_provider_vmanage.simulator.upgrade.book import TaskBook, TaskSettings

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True)
class Counters:
    """What has happened so far.

    :param logins: Logins that succeeded, by cookie or JWT.
    :param refused_logins: Logins that were refused, by a wrong password or by a fault.
    :param logouts: Logouts of a live session.
    :param open_sessions: Cookie sessions and JWTs that are alive now.
    :param requests: Requests received.
    """

    logins: int
    refused_logins: int
    logouts: int
    open_sessions: int
    requests: int


class Simulator(RepositoryControls, DeviceControls):
    """A running vManage: ``with Simulator() as vm`` starts it and removes every trace at the end.

    :param version: Any release text; behaves as the nearest preset (16.3, 20.9, 20.12, 20.18) at or below.
    :param tls: Serve HTTPS under a certificate of a disposable CA, else plain HTTP.
    :param host: Address to listen on; only this machine can reach the default.
    :param port: 0 takes a free port.
    :param username: The one user.
    :param password: The user's password.
    :param storage: Folder that keeps images, repository and CA over restarts; None uses a private one,
        removed at the end.
    :param max_sessions: Cookie sessions kept; one more ends the least recently used.
    :param idle: Seconds without a request after which a cookie session ends (Cisco docs: 30 minutes).
    :param lockout: Lock the account after five refused logins in 15 minutes, from release 20.12 on.
    :param tenants: Names (or records) of tenants; any at all make the manager a multi-tenant one, and the
        user a provider.
    :param group_by_version: Files of one version are one record, ``"a, b"``, in ``/software``.
    :param duplicates: A second file of a name: ``reject`` responds with an error, ``second_copy`` keeps both.
        What a real manager does is unknown.
    :param dead_session: Shape of the response without a live session, ``a`` to ``e`` as in the faults.
    :param lists_itself: Show the manager itself in the device lists, as every real one does.
    :param fleet: Number of devices to begin with: control components, and edges of several families at many sites.
    :param seconds_per_minute: Seconds that a minute of a task takes; None: a task ends at the third poll of its status.
    :param busy: An action on a device that has a running task: ``queue`` begins it afterwards, ``refuse`` is an error.
    :param rows_after: Seconds in which the status of a task has no rows.
    :param restart: Seconds in which the manager refuses connections, and then is not ready, when it activates a version
        of itself.
    :param ranges: Offer parts of an image that is downloaded. What a real manager does is unknown.
    :param clock: Seconds since 1970, for images, tasks and devices.
    """

    def __init__(
        self,
        version: str = "20.12.4",
        tls: bool = True,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        username: str = "admin",
        password: str = "admin-password",  # noqa: S107 (of a server that protects nothing)
        storage: Path | str | None = None,
        max_sessions: int = 100,
        idle: float = 1800.0,
        lockout: bool = True,
        tenants: Iterable[str | Mapping[str, Any]] = (),
        group_by_version: bool = False,
        duplicates: Literal["reject", "second_copy"] = "reject",
        dead_session: Literal["a", "b", "c", "d", "e"] = "a",
        lists_itself: bool = True,
        fleet: int = 0,
        seconds_per_minute: float | None = None,
        busy: Literal["queue", "refuse"] = "queue",
        rows_after: float = 0.0,
        restart: tuple[float, float] = (0.0, 0.0),
        ranges: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        release = release_for(version)
        settings = TaskSettings(seconds_per_minute, busy, rows_after)
        self.username, self.password, self._host = username, password, host
        self.faults = FaultBook()
        self._log, self._transports = RequestLog(), Transports()
        self._folder, self._remove_folder = self._own(storage)
        given_tenants = list(tenants)

        def new_manager() -> Manager:
            sessions = SessionStore(max_sessions, idle)
            lock = Lockout(lockout and release.locks_accounts)
            devices = DeviceStore(version, lists_itself=lists_itself, scale=seconds_per_minute or 0.0, clock=clock)
            outage = Outage(*restart, clock, self._refuse_for, sessions.expire_all)
            devices.own.outage = outage.begin
            if fleet:
                add_fleet(devices, fleet)
            return Manager(
                release=release,
                username=username,
                sessions=sessions,
                login=Login(release, sessions, lock, username, password, dead_session),
                repository=Repository(
                    self._folder, group_by_version, release.six_fields, duplicates == "reject", clock
                ),
                devices=devices,
                tenants=tenants_from(given_tenants),
                tasks=TaskBook(settings, clock, lambda: outage.active),
                outage=outage,
                ranges=ranges,
            )

        self._new_manager = new_manager
        self._manager = new_manager()
        self._gate: Gate | None = None
        make_context = disposable_context if storage is None else server_context
        self._context: ssl.SSLContext | None = make_context(self._folder, host) if tls else None
        self._port = port
        self._server: ServerThread | None = None
        self._closing = threading.Event()
        self._returning: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def start(self) -> None:
        """Accept connections: at first, or again (on the same port) after ``stop``.

        :raises OSError: The port is taken.
        """
        if self._server is None:
            self._gate = Gate(self._manager, self.faults, self._log, self._transports)
            self._server = ServerThread(self._gate, self._host, self._port, self._context, self._transports)
        self._server.start()

    def stop(self) -> None:
        """Stop serving: open connections end, new ones are refused. Sessions and images stay."""
        if self._server is not None:
            self._server.stop()

    def reset(self) -> None:
        """Begin again without images, devices, tasks, sessions, faults and requests; address and CA stay.

        Much quicker than another simulator: for one that many tests share.
        """
        if self._returning is not None:
            self._returning.join()
        self.faults.clear()
        self.repository.clear()
        self._manager, self._log = self._new_manager(), RequestLog()
        if self._gate is not None:
            self._gate.serve(self._manager, self._log)
        self.start()

    def close(self) -> None:
        """Stop for good, and remove the private folder."""
        self._closing.set()
        if self._returning is not None:
            self._returning.join()
        if self._server is not None:
            self._server.close()
        self._remove_folder()

    @property
    def version(self) -> str:
        """The release that the manager runs; its own activation changes it, and not how it behaves."""
        return self._manager.version

    @property
    def url(self) -> str:
        """Base URL, always with the port; on this machine if the server listens on all addresses.

        :raises RuntimeError: Not started yet, so the port is not known.
        """
        if self._server is None:
            raise RuntimeError("the simulator has no address before it is started")
        host = OWN_ADDRESS.get(self._host, self._host)
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._context else 'http'}://{name}:{self._server.port}"

    @property
    def ca_bundle(self) -> str | None:
        """Path of the CA certificate (PEM) that a client must trust; None without TLS."""
        return str(ca_path(self._folder)) if self._context else None

    @property
    def release(self) -> Release:
        """The preset in force."""
        return self._manager.release

    @property
    def storage(self) -> Path:
        """Where images, repository and CA lie."""
        return self._folder

    @property
    def api_key(self) -> str:
        """The user's API key; releases before 20.18 respond with 401 to it."""
        return self._manager.sessions.api_key

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, in order of arrival."""
        return list(self._log.entries)

    @property
    def counters(self) -> Counters:
        """A snapshot of what has happened."""
        counts = self._manager.login.counts
        opened = self._manager.sessions.count()
        return Counters(counts.logins, counts.refused_logins, counts.logouts, opened, len(self._log.entries))

    def expire_sessions(self) -> None:
        """End every session and JWT now; the API key stays valid."""
        self._manager.sessions.expire_all()

    def _refuse_for(self, seconds: float) -> None:
        def refuse() -> None:
            self.stop()
            self._manager.outage.leaving = False
            if not self._closing.wait(seconds):
                self.start()

        self._returning = threading.Thread(target=refuse, name="vmanage-simulator-restart")
        self._returning.start()

    def _own(self, storage: Path | str | None) -> tuple[Path, Any]:
        if storage is not None:
            folder = Path(storage)
            folder.mkdir(parents=True, exist_ok=True)
            return folder, lambda: None
        folder = Path(tempfile.mkdtemp(prefix="vmanage-simulator-"))
        return folder, weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
