"""What the parts of a cluster take while tasks run: processor time, memory, transactions of the database."""

from __future__ import annotations

import contextlib
import threading
from types import TracebackType

import psutil

from tests.cluster.airflow_cluster import AirflowCluster

#: seconds between two measurements of the memory, which cost processor time themselves
MEASURE_INTERVAL_S = 2.0


class Meter:
    """Measures for as long as a ``with`` block lasts."""

    def __init__(self, airflow: AirflowCluster) -> None:
        self._airflow = airflow
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch_memory, daemon=True)
        self._memory: dict[str, list[int]] = {}
        self._connections = 0

    def __enter__(self) -> Meter:
        self._processors, self._cpu = psutil.cpu_times(), self._cpu_by_part()
        self._transactions = self._database("sum(xact_commit + xact_rollback) FROM pg_stat_database")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        now = psutil.cpu_times()
        spent = sum(now) - sum(self._processors)
        self._idle = (now.idle - self._processors.idle) / spent
        self._wall = spent / psutil.cpu_count()
        self._cpu = {part: cpu - self._cpu.get(part, 0.0) for part, cpu in self._cpu_by_part().items()}
        after = self._database("sum(xact_commit + xact_rollback) FROM pg_stat_database")
        self._transactions = after - self._transactions

    def report(self, count: float, unit: str) -> str:
        """Return the share of one of so many tasks or minutes, by part."""
        parts = ", ".join(f"{part} {cpu / count:.2f}" for part, cpu in sorted(self._cpu.items(), key=lambda i: -i[1]))
        own = sum(self._cpu.values()) / self._wall / psutil.cpu_count()
        memory = ", ".join(
            f"{part} {sizes[0] / 1e6:.0f} at first, {max(sizes) / 1e6:.0f} at most"
            for part, sizes in sorted(self._memory.items())
            if part.startswith(("worker", "triggerer"))
        )
        return (
            f"   processors {1 - self._idle:.0%} busy, {own:.0%} with these; CPU seconds per {unit} "
            f"{sum(self._cpu.values()) / count:.2f}: {parts}\n"
            f"   database: {self._transactions / count:.0f} transactions per {unit}, {self._connections} connections;"
            f" memory in MB: {memory}"
        )

    def _cpu_by_part(self) -> dict[str, float]:
        cpu: dict[str, float] = {}
        for name, top in self._tops().items():
            for process in _tree(top):
                with contextlib.suppress(psutil.NoSuchProcess):
                    # With the children that have ended already.
                    cpu[name] = cpu.get(name, 0.0) + sum(process.cpu_times()[:4])
        own = psutil.Process().cpu_times()
        return {**cpu, "managers": own.user + own.system}

    def _tops(self) -> dict[str, psutil.Process]:
        names = {part.pid: name for name, part in self._airflow.parts.items()}
        return {names.get(child.pid, child.name()): child for child in psutil.Process().children()}

    def _database(self, what: str) -> int:
        import psycopg2

        with contextlib.closing(psycopg2.connect(self._airflow.database.replace("+psycopg2", ""))) as database:
            cursor = database.cursor()
            cursor.execute(f"SELECT {what}")
            return int(cursor.fetchone()[0])

    def _watch_memory(self) -> None:
        while True:
            for name, top in self._tops().items():
                size = 0
                for process in _tree(top):
                    with contextlib.suppress(psutil.Error):
                        size += process.memory_full_info().pss
                self._memory.setdefault(name, []).append(size)
            backends = "count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
            self._connections = max(self._connections, self._database(backends))
            if self._over.wait(MEASURE_INTERVAL_S):
                return


def _tree(top: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [top, *top.children(recursive=True)]
    return []
