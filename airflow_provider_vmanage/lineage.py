"""What a change leaves behind for others: asset events, Airflow's lineage collector, OpenLineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow.sdk import Asset, AssetAlias

from airflow_provider_vmanage.assets import convert_asset_to_openlineage, create_asset

if TYPE_CHECKING:
    from airflow_provider_vmanage.operators.vmanage import VManageOperator

Row = Mapping[str, Any]

#: keys of an operator's row that an asset event carries
_FACTS = ("action", "changed", "applied", "version", "version_id", "file_name", "size", "sha512")

_UNTOUCHED: dict[str, Any] = {"action": "unchanged", "changed": False}

#: what becomes of an image, in OpenLineage's words
_STATES = {"uploaded": "CREATE", "added": "CREATE", "replaced": "OVERWRITE", "deleted": "DROP"}


def publish_change(operator: VManageOperator, context: Mapping[str, Any], result: Any) -> None:
    """Write what a change did into the events of the task's outlets, and tell Airflow's lineage collector.

    An event is made for each outlet of a task that succeeds, also where nothing was to be done (that is Airflow's
    rule): ``changed`` and ``applied`` tell them apart. An outlet that is an alias becomes the assets of what was
    changed or found there; it has no event where there is neither.

    :param operator: the operator that ran, its connection known.
    :param context: of the running task.
    :param result: what the operator returns; of interest is the row of a change, or the rows in it.
    """
    if not isinstance(result, dict) or "action" not in result:
        return
    applied = result.get("applied") is not False  # check mode only says what it would do
    operator.change = result if applied else None
    if "outlet_events" in context:
        _write_events(operator, context["outlet_events"], result)
    if applied:
        _tell_collector(operator, result)


def _write_events(operator: VManageOperator, events: Any, result: Row) -> None:
    rows = _rows(result)
    told = {_asset_of(operator, row).uri: _facts(row) for row in rows if row.get("file_name")}
    others = f"{create_asset(host=operator.hook.settings.base_url).uri}/" if "removed" in result else None
    for outlet in operator.outlets:
        if isinstance(outlet, AssetAlias):
            for row in filter(_is_there_or_changed, rows):
                events[outlet].add(_asset_of(operator, row), extra=_facts(row))
        elif isinstance(outlet, Asset):
            # Of several rows the asset of one image is told its own, or that nothing became of it; any other all.
            untouched = others is not None and outlet.uri.startswith(others)
            facts = told.get(outlet.uri) or _facts(_UNTOUCHED | {"applied": result["applied"]} if untouched else result)
            events[outlet].extra = {**events[outlet].extra, **facts}


def _rows(result: Row) -> list[Row]:
    """Return what was done in the repository: an operator does one thing, or says what it added and removed."""
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


def _tell_collector(operator: VManageOperator, result: Row) -> None:
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    for uri in dict.fromkeys(_asset_of(operator, row).uri for row in _rows(result) if _is_there_or_changed(row)):
        collector.add_output_asset(context=operator.hook, uri=uri)


def _asset_of(operator: VManageOperator, row: Row) -> Asset:
    """Return the image's asset; an entry without a file is told by the repository as a whole."""
    return create_asset(host=operator.hook.settings.base_url, file_name=row.get("file_name") or None)


# -- OpenLineage -----------------------------------------------------------------------------------------------------


def openlineage_of(operator: VManageOperator) -> Any:
    """Return inputs (sources that were sent) and outputs (images) of a change, as OpenLineage's OperatorLineage.

    An image that was there already is an output without an input: nothing was read, so nobody knows where it came
    from. Only for a process in which the OpenLineage provider is installed.

    :param operator: the operator that ran.
    """
    # By name: its provider is no dependency of ours.
    lineage = import_module("airflow.providers.openlineage.extractors").OperatorLineage
    if not operator.change:
        return lineage()
    rows = [row for row in _rows(operator.change) if _is_there_or_changed(row)]
    return lineage(inputs=list(_inputs(operator, rows)), outputs=[_output(operator, row) for row in rows])


def _output(operator: VManageOperator, row: Row) -> Any:
    from airflow.providers.common.compat.openlineage.facet import (
        LifecycleStateChange,
        LifecycleStateChangeDatasetFacet,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )

    dataset = convert_asset_to_openlineage(_asset_of(operator, row), None)
    facets: dict[str, Any] = {}
    statistics: dict[str, Any] = {}
    if row.get("file_name") and row["action"] in _STATES:  # the repository itself is neither made nor dropped
        change = LifecycleStateChange[_STATES[row["action"]]]
        facets["lifecycleStateChange"] = LifecycleStateChangeDatasetFacet(lifecycleStateChange=change)
    if row.get("size") is not None:
        statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(size=row["size"])
    return OutputDataset(namespace=dataset.namespace, name=dataset.name, facets=facets, outputFacets=statistics)


def _inputs(operator: VManageOperator, rows: list[Row]) -> Iterator[Any]:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    sources = [operator.find_source(row) for row in rows if row.get("size") is not None]  # null: nothing was sent
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
