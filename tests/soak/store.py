"""The task state store of one task in a file, which outlives its processes."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any


class Store:
    """What Airflow 3.3 hands to a task.

    :param path: of the file.
    :param kill_at: number of the moment, before or after a change, at which the process is killed; ``None`` for never.
    """

    def __init__(self, path: str, kill_at: int | None) -> None:
        self._path = Path(path)
        self._left = kill_at

    def get(self, key: str, default: Any = None) -> Any:
        return self._rows().get(key, default)

    def set(self, key: str, value: Any, *, retention: Any = None) -> None:
        self._change({**self._rows(), key: value})

    def delete(self, key: str) -> None:
        self._change({name: value for name, value in self._rows().items() if name != key})

    def _rows(self) -> dict[str, Any]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}  # type: ignore[no-any-return]

    def _change(self, rows: dict[str, Any]) -> None:
        self._pass_moment()
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(rows))
        new.replace(self._path)
        self._pass_moment()

    def _pass_moment(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._left is not None:
            self._left -= 1
