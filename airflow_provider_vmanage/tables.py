"""Lists as files: JSON lines, CSV or Parquet, with the same columns for every release of the manager.

Images:

===================  ==============  =============================================================================
column               type            meaning
===================  ==============  =============================================================================
``manager``          text            ``https://host:port`` that was asked
``version``          text            version as the manager lists it
``version_id``       text            id to delete by
``file_name``        text            name of the file; null for a URL entry
``image_type``       text            such as ``software``; null where the release does not tell
``version_type``     text            ``vmanage`` for a file stored on the manager
``platform_family``  list of text    families the image is for; in CSV one text, joined by blanks
``updated_on``       64-bit integer  milliseconds since 1970, UTC, as the manager sends them
===================  ==============  =============================================================================

The software of devices:

=================  ==============  ===============================================================================
column             type            meaning
=================  ==============  ===============================================================================
``manager``        text            ``https://host:port`` that was asked
``device``         text            host name
``role``           text            such as ``vedge`` or ``vsmart``, as the manager says it
``running``        text            version that runs
``default``        text            version of the next boot
``available``      list of text    versions installed beside them; in CSV one text, joined by blanks
``reachable``      boolean         whether the manager can talk to it; in CSV ``true`` or ``false``
=================  ==============  ===============================================================================

What is not known is null: ``null`` in JSON lines, an empty cell in CSV. An empty list is a file with no rows.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.urls import masked_url

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
DEVICE_COLUMNS = ("manager", "device", "role", "running", "default", "available", "reachable")

_LISTS = ("platform_family", "available")

Row = Mapping[str, Any]


def write_table(
    output: str | ObjectStoragePath, manager: str, rows: Iterable[Row], columns: Sequence[str] = COLUMNS
) -> dict[str, Any]:
    """Write the rows to a path, in the format that its ending names, and return ``path`` and ``count``.

    A file that is there is replaced, so a retry is safe.

    :param output: a path, or what ``ObjectStoragePath`` opens; it ends in ``.jsonl``, ``.csv`` or ``.parquet``.
    :param manager: base URL of the manager.
    :param rows: of images, or of devices.
    :param columns: names and order.
    :raises VManageConfigurationError: another ending, or Parquet without pyarrow.
    :raises OSError: the path cannot be written.
    """
    from airflow.sdk import ObjectStoragePath

    table = [{**{name: row.get(name) for name in columns}, "manager": manager} for row in rows]
    content = encoder_of(output)(table, columns)
    path: Any = output if isinstance(output, ObjectStoragePath) else ObjectStoragePath(output)
    with path.open("wb") as file:  # written whole: a list of images is some kilobytes
        file.write(content)
    return {"path": str(output), "count": len(table)}


def encoder_of(output: str | ObjectStoragePath) -> Callable[[Sequence[Row], Sequence[str]], bytes]:
    """Return what turns rows into the bytes of a file with this ending.

    :raises VManageConfigurationError: no format has this ending, or pyarrow is missing.
    """
    ending = PurePosixPath(str(output)).suffix.lower()
    if ending not in _ENCODERS:
        shown = masked_url(str(output))
        raise VManageConfigurationError(f"output {shown!r} ends in {ending!r}: end it in {', '.join(_ENCODERS)}")
    if ending == ".parquet":
        _pyarrow()
    return _ENCODERS[ending]


def _json_lines(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(name, row[name]) for name in columns} for row in rows)
    return text.getvalue().encode()


def _cell(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return " ".join(value or ()) if name in _LISTS else value


def _parquet(rows: Sequence[Row], columns: Sequence[str]) -> bytes:
    arrow, parquet = _pyarrow()
    kinds = {
        "updated_on": arrow.int64(),
        "reachable": arrow.bool_(),
        **dict.fromkeys(_LISTS, arrow.list_(arrow.string())),
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
