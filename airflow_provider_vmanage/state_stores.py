"""What this provider keeps in Airflow's state stores (Airflow 3.3 and newer): of a task, and of a watched asset."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from airflow_provider_vmanage.client.device_actions.notes import ActionNote
from airflow_provider_vmanage.client.errors import VManageUnavailableError
from airflow_provider_vmanage.client.upload.resume_note import UploadNote

log = logging.getLogger(__name__)

_UPLOAD_KEY = "vmanage_upload"
_ACTION_KEY = "vmanage_device_action"
_UPGRADE_KEY = "vmanage_upgrade"
_ENDED_KEY = "vmanage_ended"

_NOTE_TYPES = {"action": str, "file_name": str, "size": int, "sha512": str, "checksum": str, "sent_on": int}


class TaskStateNotes:
    """The note of an upload in the store of the running task. Without a store, or if it fails, nothing is kept.

    :param context: of the running task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store: Any = context.get("task_state_store")

    def read(self) -> UploadNote | None:
        """Return the note of an earlier try, or ``None``."""
        value = self._call("get", _UPLOAD_KEY)
        if not isinstance(value, dict) or {name: type(item) for name, item in value.items()} != _NOTE_TYPES:
            return None  # nothing, or written by another release of this package
        return UploadNote(**value)

    def write(self, note: UploadNote) -> None:
        """Store the note."""
        self._call("set", _UPLOAD_KEY, asdict(note))

    def clear(self) -> None:
        """Delete the note."""
        self._call("delete", _UPLOAD_KEY)

    def _call(self, method: str, *arguments: Any) -> Any:
        if self._store is None:
            return None
        try:
            return getattr(self._store, method)(*arguments)
        except Exception:  # the store only helps the next try, and must not fail this one
            log.warning("The task state store could not be used (%s)", method, exc_info=True)
            return None


class TaskStateActionNotes:
    """The notes of an action on devices in the store of the running task. Without a store, nothing is kept.

    Unlike the note of an upload, one that cannot be read or written is an error: without it the next try could not
    know that a reboot was about to be sent.

    :param context: of the running task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store: Any = context.get("task_state_store")
        self._max_tries = _max_tries(context)

    def read(self) -> list[ActionNote]:
        """Return the notes of earlier tries."""
        value = self._call("get", _ACTION_KEY)
        return [ActionNote(**one) for one in value or ()]

    def write(self, notes: Sequence[ActionNote]) -> None:
        """Store the notes in place of earlier ones."""
        self._call("set", _ACTION_KEY, [asdict(note) for note in notes])

    def clear(self) -> None:
        """Delete the notes."""
        self._call("delete", _ACTION_KEY)

    def keep_until_cleared(self) -> None:
        """Keep the notes, and the state of an upgrade, until :func:`drop_if_cleared` finds that the task was cleared.

        A task that is killed on its way out is retried by Airflow, and that try must end likewise instead of
        rebooting again. A person who clears the task wants another attempt: Airflow raises ``max_tries`` then, and
        only then.
        """
        self._call("set", _ENDED_KEY, self._max_tries)

    def _call(self, method: str, *arguments: Any) -> Any:
        return _called(self._store, method, *arguments)


class TaskStateUpgrade:
    """The state of an upgrade in the store of the running task, as text. Without a store, nothing is kept.

    :param context: of the running task.
    """

    def __init__(self, context: Mapping[str, Any]) -> None:
        self._store: Any = context.get("task_state_store")

    def read(self) -> str | None:
        """Return the state that an earlier try has kept."""
        value = self._call("get", _UPGRADE_KEY)
        return value if isinstance(value, str) else None

    def write(self, packed: str) -> None:
        """Keep a state in place of an earlier one."""
        self._call("set", _UPGRADE_KEY, packed)

    def _call(self, method: str, *arguments: Any) -> Any:
        return _called(self._store, method, *arguments)


def drop_if_cleared(context: Mapping[str, Any]) -> None:
    """Drop what a task that had ended has kept, if a person has cleared the task since.

    :param context: of the running task.
    """
    store = context.get("task_state_store")
    ended_with = _called(store, "get", _ENDED_KEY)
    if ended_with is not None and ended_with != _max_tries(context):
        for key in (_ACTION_KEY, _UPGRADE_KEY, _ENDED_KEY):  # this one last: a kill before it changes nothing
            _called(store, "delete", key)


def _max_tries(context: Mapping[str, Any]) -> int | None:
    return getattr(context.get("ti"), "max_tries", None)


class StoreUnavailableError(Exception):
    """The asset state store cannot be read; its content is unknown."""


class AssetStateStore:
    """One JSON value in the asset state store. Without a store, nothing is kept.

    :param store: what the triggerer gave the trigger, or ``None``.
    :param identity: the trigger's arguments: each watcher of an asset has a value of its own.
    """

    def __init__(self, store: Any, identity: Mapping[str, Any]) -> None:
        self._store = store
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        self._key = f"vmanage_seen_{digest[:8]}"

    async def read(self) -> Any:
        """Return the stored value, or ``None``.

        :raises StoreUnavailableError: the store fails.
        """
        if self._store is None:
            return None
        try:
            return await self._store.aget(self._key)
        except Exception as err:
            log.warning("The asset state store could not be read", exc_info=True)
            raise StoreUnavailableError from err

    async def write(self, value: Mapping[str, Any]) -> bool:
        """Store the value; return whether that worked, which it does without a store too."""
        if self._store is None:
            return True
        try:
            await self._store.aset(self._key, value)
        except Exception:  # the store only helps after a restart, and must not stop the watch
            log.warning("The asset state store could not be written", exc_info=True)
            return False
        return True


def _called(store: Any, method: str, *arguments: Any) -> Any:
    """Return the result of a method of the store; ``None`` without a store.

    :raises VManageUnavailableError: the store fails.
    """
    if store is None:
        return None
    try:
        return getattr(store, method)(*arguments)
    except Exception as err:
        raise VManageUnavailableError(
            f"The task state store could not be used ({method}, {type(err).__name__}): nothing is sent on a guess",
            repeat=False,
        ) from err
