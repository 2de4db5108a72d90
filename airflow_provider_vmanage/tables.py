"""Lists as files: JSON lines, CSV or Parquet, with the same columns for every release of the manager.

Images:

===================  ==============  =============================================================================
column               type            meaning
===================  ==============  =============================================================================
``manager``          text            ``https://host:port`` that was asked
``version``          text            version as the manager lists it
``version_id``       text            id to delete by
``file_name``        text            name of the file; null for a repository URL
``image_type``       text            such as ``software``; null where the release does not show it
``version_type``     text            ``vmanage`` for a file stored on the manager
``platform_family``  list of text    families the image is for; in CSV one text, joined by blanks
``updated_on``       64-bit integer  milliseconds since 1970, UTC, as the manager sends them
===================  ==============  =============================================================================

The software of devices:

===================  ==============  =============================================================================
column               type            meaning
===================  ==============  =============================================================================
``manager``          text            ``https://host:port`` that was asked
``device``           text            host name
``device_id``        text            uuid, or chassis number
``system_ip``        text            system IP
``site_id``          text            id of the site
``role``             text            such as ``vedge`` or ``vsmart``, as the manager says it
``platform_family``  text            family that images are for
``model``            text            such as ``vedge-C8000V``
``running``          text            version that runs
``default``          text            version of the next boot
``available``        list of text    versions installed beside them; in CSV one text, joined by blanks
``reachable``        boolean         whether the manager can talk to it; in CSV ``true`` or ``false``
===================  ==============  =============================================================================

What is not known is null: ``null`` in JSON lines, an empty cell in CSV. An empty list is a file with no rows.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from airflow_provider_vmanage.client.errors import VManageConfigurationError, VManageError
from airflow_provider_vmanage.client.urls import masked_url
from airflow_provider_vmanage.files.targets import parse_place

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

#: of images: names and order; both are part of the public interface
COLUMNS = (
    "manager",
    "version",
    "version_id",
    "file_name",
    "image_type",
    "version_type",
    "platform_family",
    "updated_on",
)

#: of the software of devices, likewise
DEVICE_COLUMNS = (
    "manager",
    "device",
    "device_id",
    "system_ip",
    "site_id",
    "role",
    "platform_family",
    "model",
    "running",
    "default",
    "available",
    "reachable",
)

#: of the devices of an upgrade, likewise
UPGRADE_COLUMNS = (
    "manager",
    "device",
    "device_id",
    "system_ip",
    "site_id",
    "role",
    "platform_family",
    "action",
    "changed",
    "from_version",
    "version",
    "running",
    "default",
    "available",
    "reachable",
    "reason",
    "activity",
    "process_id",
    "wave",
    "started_at",
    "ended_at",
    "applied",
)

#: columns that are not text; an image may be for several families, a device is of one
_LISTS = {COLUMNS: ("platform_family",), DEVICE_COLUMNS: ("available",), UPGRADE_COLUMNS: ("available",)}
_BOOLEANS = ("reachable", "changed", "applied")
_INTEGERS = ("updated_on", "wave")

Row = Mapping[str, Any]
Encode: TypeAlias = Callable[[Sequence[Row], Sequence[str]], bytes]


@dataclass(frozen=True)
class TableFile:
    """A file that rows can be written to: format, scheme and folder are known to be good.

    :param path: absolute path on the worker, or what ``ObjectStoragePath`` opens.
    :param encode: turns rows into the bytes of its format.
    """

    path: Path | ObjectStoragePath
    encode: Encode

    def write(self, manager: str, rows: Iterable[Row], columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
        """Write the rows and return ``path`` and ``count``. A file that is there is replaced, so a retry is safe.

        :param manager: base URL of the manager.
        :param rows: of images, or of devices.
        :param columns: names and order.
        :raises OSError: the path cannot be written.
        """
        table = [{**{name: row.get(name) for name in columns}, "manager": manager} for row in rows]
        content = self.encode(table, columns)  # first: what cannot be encoded leaves the file that is there
        with self.path.open("wb") as file:
            file.write(content)
        return {"path": str(self.path), "count": len(table)}


def table_file(output: str | os.PathLike[str] | ObjectStoragePath) -> TableFile:
    """Return the file that ``output`` names, checked before the manager is asked; nothing is written yet.

    :param output: a path, ``file://…``, or what ``ObjectStoragePath`` opens; it ends in ``.jsonl``, ``.csv`` or
        ``.parquet``.
    :raises VManageConfigurationError: another ending, a missing folder, a scheme that cannot be opened here, a password
        or query in a URL, or Parquet without pyarrow.
    """
    text = str(output).strip()
    shown = masked_url(text)
    try:
        encode = _encoder(text, shown)
        return TableFile(parse_place(output, field="output"), encode)
    except VManageError:
        raise
    except (ValueError, RuntimeError) as err:  # of Python's paths and URLs, and of the stores' libraries
        raise VManageConfigurationError(f"output {shown!r} cannot be used: {err}") from err


def _encoder(text: str, shown: str) -> Encode:
    path = urlsplit(text).path if "://" in text else text  # a query may hold a secret
    ending = PurePosixPath(path).suffix.lower()
    if ending not in _ENCODERS:
        raise VManageConfigurationError(f"output {shown!r} ends in {ending!r}: end it in {', '.join(_ENCODERS)}")
    if ending == ".parquet":
        _pyarrow()
    return _ENCODERS[ending]


def _json_lines(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    # In ASCII: a name may hold what some readers take for the end of a line (U+2028).
    return "".join(f"{json.dumps(row)}\n" for row in rows).encode()


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in columns} for row in rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value) if isinstance(value, list | tuple) else value


def _parquet(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    arrow, parquet = _pyarrow()
    kinds = {
        **dict.fromkeys(_INTEGERS, arrow.int64()),
        **dict.fromkeys(_BOOLEANS, arrow.bool_()),
        **dict.fromkeys(_LISTS[tuple(columns)], arrow.list_(arrow.string())),
    }
    schema = arrow.schema([(name, kinds.get(name, arrow.string())) for name in columns])
    content = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist(list(rows), schema=schema), content)
    return content.getvalue()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as err:
        raise VManageConfigurationError(
            "output ends in '.parquet', and pyarrow is not installed: install airflow-provider-vmanage[parquet]"
        ) from err
    return pyarrow, parquet


_ENCODERS = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}
