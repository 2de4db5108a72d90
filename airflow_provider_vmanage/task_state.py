"""What an upload writes down for its next try, in Airflow's task state store (Airflow 3.3 and newer)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from airflow_provider_vmanage.client.upload.resume_note import UploadNote

log = logging.getLogger(__name__)

_KEY = "vmanage_upload"

_FIELDS = {"action": str, "file_name": str, "size": int, "sha512": str, "checksum": str, "sent_on": int}


class TaskStateNotes:
    """One note in the store of the running task; without a store, and whatever fails there, simply nothing.

    :param context: of the running task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store: Any = context.get("task_state_store")

    def read(self) -> UploadNote | None:
        """Return the note of an earlier try, if there is one."""
        value = self._attempt("get", _KEY)
        if not isinstance(value, dict) or {name: type(what) for name, what in value.items()} != _FIELDS:
            return None  # nothing, or written by another release of this package
        return UploadNote(**value)

    def write(self, note: UploadNote) -> None:
        """Keep the note."""
        self._attempt("set", _KEY, asdict(note))

    def clear(self) -> None:
        """Forget the note."""
        self._attempt("delete", _KEY)

    def _attempt(self, method: str, *arguments: Any) -> Any:
        if self._store is None:
            return None
        try:
            return getattr(self._store, method)(*arguments)
        except Exception:  # the store is a help for the next try, and must not fail this one
            log.warning("The task state store could not be used (%s)", method, exc_info=True)
            return None
