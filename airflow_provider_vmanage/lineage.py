"""What a change leaves behind for others: asset events, Airflow's lineage collector, OpenLineage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow.sdk import Asset, AssetAlias

from airflow_provider_vmanage.assets import convert_asset_to_openlineage, create_asset

Row = Mapping[str, Any]

#: keys of an operator's row that an asset event carries
_FACTS = ("action", "changed", "applied", "version", "version_id", "file_name", "size", "sha512")

_UNTOUCHED: dict[str, Any] = {"action": "unchanged", "changed": False}

#: the state of an image after a change, in OpenLineage's words
_STATES = {"uploaded": "CREATE", "added": "CREATE", "replaced": "OVERWRITE", "deleted": "DROP"}


def publish_change(
    context: Mapping[str, Any], result: Any, *, base_url: str, outlets: Iterable[Any], hook: Any
) -> dict[str, Any] | None:
    """Write a change into the events of the task's outlets, report it to Airflow's lineage collector, and return it.

    Airflow makes an event for each outlet of a task that succeeds, even if nothing was to be done: ``changed`` and
    ``applied`` show which. An outlet that is an alias becomes the assets of the images that were changed or found; it
    has no event if there are none.

    :param context: of the running task.
    :param result: what the operator returns: the row of a change, or a dict with rows.
    :param base_url: of the manager.
    :param outlets: of the operator.
    :param hook: that the collector names as the source.
    :return: the result, or ``None`` if nothing was applied.
    """
    if not isinstance(result, dict) or "action" not in result:
        return None
    if "outlet_events" in context:
        _write_events(context["outlet_events"], result, base_url, outlets)
    if result.get("applied") is False:  # check mode only reports what it would do
        return None
    _collect(result, base_url, hook)
    return result


def _write_events(events: Any, result: Row, base_url: str, outlets: Iterable[Any]) -> None:
    rows = _rows(result)
    by_image = {_asset_of(base_url, row).uri: _facts(row) for row in rows if row.get("file_name")}
    others = f"{create_asset(host=base_url).uri}/" if "removed" in result else None
    for outlet in outlets:
        if isinstance(outlet, AssetAlias):
            for row in filter(_is_there_or_changed, rows):
                events[outlet].add(_asset_of(base_url, row), extra=_facts(row))
        elif isinstance(outlet, Asset):
            # An image's asset gets that image's row, or "unchanged"; every other outlet gets the full result.
            untouched = others is not None and outlet.uri.startswith(others)
            whole = _UNTOUCHED | {"applied": result["applied"]} if untouched else result
            facts = by_image.get(outlet.uri) or _facts(whole)
            events[outlet].extra = {**events[outlet].extra, **facts}


def _rows(result: Row) -> list[Row]:
    """Return the changes of the repository: an operator makes one, or lists those it added and removed."""
    several = [name for name in ("added", "removed") if name in result]
    rows = [row for name in several for row in result[name]] if several else [result]
    return [row for row in rows if "version" in row]  # a remote server is none of it


def _facts(row: Row) -> dict[str, Any]:
    facts = {name: row.get(name) for name in _FACTS}
    if "removed" in row:
        facts["images"] = [{name: one.get(name) for name in _FACTS} for one in _rows(row)]
    return facts


def _is_there_or_changed(row: Row) -> bool:
    return row.get("applied") is not False and bool(row["changed"] or row.get("version_id"))


def _collect(result: Row, base_url: str, hook: Any) -> None:
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for uri in dict.fromkeys(_asset_of(base_url, row).uri for row in _rows(result) if _is_there_or_changed(row)):
        collector.add_output_asset(context=hook, uri=uri)


def _asset_of(base_url: str, row: Row) -> Asset:
    """Return the image's asset, or that of the whole repository for a row without a file."""
    return create_asset(host=base_url, file_name=row.get("file_name") or None)


# -- OpenLineage -----------------------------------------------------------------------------------------------------


def openlineage_of(change: Row | None, base_url: Callable[[], str], find_source: Callable[[Row], str | None]) -> Any:
    """Return inputs (sources that were sent) and outputs (images) of a change, as OpenLineage's OperatorLineage.

    An image that was there already is an output without an input: nothing was read, so its origin is unknown. Only for
    a process in which the OpenLineage provider is installed.

    :param change: of :func:`publish_change`.
    :param base_url: returns that of the manager.
    :param find_source: returns where the bytes of a row came from.
    """
    # By name: its provider is no dependency of ours.
    lineage = import_module("airflow.providers.openlineage.extractors").OperatorLineage
    if not change:
        return lineage()
    rows = [row for row in _rows(change) if _is_there_or_changed(row)]
    return lineage(inputs=list(_inputs(find_source, rows)), outputs=[_output(base_url(), row) for row in rows])


def _output(base_url: str, row: Row) -> Any:
    from airflow.providers.common.compat.openlineage.facet import (
        LifecycleStateChange,
        LifecycleStateChangeDatasetFacet,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )

    dataset = convert_asset_to_openlineage(_asset_of(base_url, row), None)
    facets: dict[str, Any] = {}
    statistics: dict[str, Any] = {}
    if row.get("file_name") and row["action"] in _STATES:  # the repository itself is neither made nor dropped
        change = LifecycleStateChange[_STATES[row["action"]]]
        facets["lifecycleStateChange"] = LifecycleStateChangeDatasetFacet(lifecycleStateChange=change)
    if row.get("size") is not None:
        statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(size=row["size"])
    return OutputDataset(namespace=dataset.namespace, name=dataset.name, facets=facets, outputFacets=statistics)


def _inputs(find_source: Callable[[Row], str | None], rows: list[Row]) -> Iterator[Any]:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    sources = [find_source(row) for row in rows if row.get("size") is not None]  # null: nothing was sent
    for source in dict.fromkeys(one for one in sources if one):
        namespace, name = _place_of(source)
        yield Dataset(namespace=namespace, name=name)


def _place_of(source: str) -> tuple[str, str]:
    """Return namespace and name of a source, as OpenLineage names files: one file, one name."""
    parts = urlsplit(source)
    if "://" not in source or parts.scheme == "file":
        path = unquote(parts.path) if "://" in source else source
        return "file", str(Path(path).expanduser().resolve())
    where = parts.netloc.rpartition("@")[2]  # without user, password and query: a URL may be signed
    return f"{parts.scheme}://{where}", parts.path.lstrip("/")
