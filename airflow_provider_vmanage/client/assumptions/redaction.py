"""The same JSON without the values of a manager: keys and values that are known to be harmless, and digests for others.

What is not on a list is replaced, so a field that no source shows cannot reveal anything. Equal values have equal
digests within one report, so ids that belong together still do; the salt is drawn for each report and never shown.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Iterable
from typing import Any

from airflow_provider_vmanage.client.assumptions.fields import ALL
from airflow_provider_vmanage.client.assumptions.names import is_technical, words_of

#: members of responses that are not fields of records
_ENVELOPE = words_of("""
    header data error message details code type generatedOn viewKeys uniqueKey preferenceKey columns fields
    token isServerReady imageCount runningTasks validation summary isCancelEnabled isParallelExecutionEnabled
    total count CSRFToken remoteServerId imageRelativePath title property display dataType rows
""")
_KEYS = _ENVELOPE.union(*ALL)

#: values that are words of the protocol, whatever the field
_VALUES = words_of("""
    -- vmanage remote vedge vsmart vbond controller software reachable unreachable auth-failed staging
    prestaging valid invalid normal warning error new green yellow red Valid next x86_64 SingleTenant
    MultiTenant tenant provider default off on admin_off en_US ROUTER Cisco in_progress done Success success
    Failure failure Scheduled scheduled Skipped skipped validation_success validation_failure received true
    false null sha512 sha256 md5 container lxc virtualmachine firmware install software_install change_partition
    default_partition delete_partition reboot
""") | {
    *("", "All daemons up", "In Sync", "In progress", "Validation success", "Validation failure", "Validation"),
    *("Done - Scheduled", "Software Install", "http://<VMANAGE_HOST>:8080/software/package/"),
    "/dataservice/device/action/status",
}

#: fields whose text is a version, and the forms of one
_VERSIONS = words_of("""
    platformVersion version versionName current-partition defaultVersion availableVersions smuCompatibleVersion
    availableSmuVersions cwVersion controllerVersionName active-partition
""")
_VERSION = re.compile(r"(1[5-9]|2[0-9])(\.\d{1,10}[a-z]?){1,5}(-\d{1,5})?(-li)?|20\.\d{1,2}\.x")

#: fields whose number counts something
_COUNTS = words_of("""
    statusOrder bfdSessionsUp bfdSessionsDown ompPeersUp ompPeersDown rebootCount crashCount layoutLevel
    controlConnectionsUp controlConnectionsDown expectedControlConnections number-vsmart-control-connections
    controlConnections ompPeers bfdSessions controlConnectionsToVsmarts total order count imageCount rows
    total_cpu_count linux_cpu_count
""")
_SECRETS = frozenset(("CSRFToken", "token", "VSessionId", "VsessionId"))
_SUFFIX = re.compile(r"(\.S[SP]A\.bin|\.tar\.gz|\.bin|\.gz|\.qcow2|\.iso)$")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DIGEST_CHARS = 10


class Redactor:
    """Replaces values by digests.

    :param salt: makes digests of one report useless for another.
    """

    def __init__(self, salt: bytes | None = None) -> None:
        self._salt = salt or secrets.token_bytes(16)

    def redacted(self, value: Any, key: str = "") -> Any:
        """Return JSON of the same shape.

        :param value: JSON types.
        :param key: name of the member that holds it.
        """
        if isinstance(value, dict):
            return {self.key(name): self.redacted(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [self.redacted(item, key) for item in value]
        if isinstance(value, str):
            return self._text(value, key)
        if value is None or isinstance(value, bool):
            return value
        return self._number(value, key)

    def key(self, name: str) -> str:
        """Return the name of a member if it may be shown, or a digest."""
        return name if name in _KEYS or is_technical(name) else f"field-{self.digest(name)}"

    def digest(self, text: str) -> str:
        """Return the digest of a text."""
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._salt).hexdigest()[:_DIGEST_CHARS]

    def _number(self, value: float, key: str) -> float:
        """Return a count as it is; replace any other number by one with as many digits, so that a time still shows."""
        if str(value) in ("nan", "inf", "-inf"):
            return 0.0  # Python reads and writes NaN and Infinity, which are not JSON
        if key in _COUNTS and abs(value) < 100_000:
            return value
        digits = len(str(abs(int(value))))
        return type(value)(10 ** (digits - 1)) if digits > 1 else type(value)(0)

    def _text(self, text: str, key: str) -> str:
        if key in _SECRETS:
            return f"secret of {len(text)} characters"
        if text in _VALUES or (key in _VERSIONS and _VERSION.fullmatch(text)):
            return text
        if key in _COUNTS and text.isdecimal() and len(text) <= 5:
            return text
        return self._structured(text, key)

    def _structured(self, text: str, key: str) -> str:
        """Return a text of the same structure: Java's lists and maps, JSON, names joined by commas, uuids, URLs."""
        if text[:2] in ("[{", '{"', '["'):
            try:
                return json.dumps(self.redacted(json.loads(text), key))
            except (ValueError, RecursionError):
                return self._word(text)
        if text.startswith("[") and text.endswith("]"):
            return f"[{self._joined(text[1:-1], key)}]"
        if text.startswith("{") and text.endswith("}"):
            return "{" + ", ".join(self._pair(pair, key) for pair in text[1:-1].split(", ")) + "}"
        return self._joined(text, key) if ", " in text else self._word(text)

    def _joined(self, text: str, key: str) -> str:
        return ", ".join(self._text(part, key) if part != text else self._word(part) for part in text.split(", "))

    def _pair(self, pair: str, key: str) -> str:
        name, equals, value = pair.partition("=")
        return f"{self._word(name)}{equals}{self._text(value, key) if equals else ''}" if pair else ""

    def _word(self, text: str) -> str:
        if not text:
            return ""
        digest = self.digest(text)
        if _UUID.fullmatch(text):
            whole = hashlib.blake2b(text.lower().encode(), key=self._salt, digest_size=16).hexdigest()
            return f"{whole[:8]}-{whole[8:12]}-4{whole[13:16]}-8{whole[17:20]}-{whole[20:]}"
        scheme, found, _ = text.partition("://")
        if found and scheme in ("http", "https", "ftp", "scp", "sftp", "tftp"):
            return f"{scheme}://{digest}.example/"
        suffix = _SUFFIX.search(text)
        return f"x{digest}{suffix[0] if suffix else ''}"


def samples_of(rows: Iterable[Any], most: int) -> list[Any]:
    """Return one row of each shape (names and types of its members), in order.

    :param most: number of rows at most.
    """
    found: dict[str, Any] = {}
    for row in rows:
        found.setdefault(_shape(row), row)
    return list(found.values())[:most]


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{name!r}:{_shape(item)}" for name, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return f"[{'|'.join(sorted({_shape(item) for item in value}))}]"
    return type(value).__name__
