"""What a change leaves behind for others: asset events, Airflow's lineage collector, OpenLineage."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk import Asset, AssetAlias

from airflow_provider_vmanage.assets import convert_asset_to_openlineage, create_asset

if TYPE_CHECKING:
    from airflow_provider_vmanage.operators.manager import VManageOperator

#: keys of an operator's row that an asset event carries
_FACTS = ("action", "changed", "applied", "version", "version_id", "file_name", "size", "sha512")


def publish_change(operator: VManageOperator, context: Mapping[str, Any], result: Any) -> None:
    """Write what a change did into the events of the task's outlets, and tell Airflow's lineage collector.

    An event is made for each outlet of a task that succeeds, also where nothing was to be done (that is Airflow's
    rule): ``changed`` and ``applied`` tell them apart. An outlet that is an alias becomes the asset of the image.

    :param operator: the operator that ran, its connection known.
    :param context: of the running task.
    :param result: what the operator returns; of interest is the row of a change.
    """
    if not isinstance(result, dict) or "action" not in result:
        return
    applied = result.get("applied") is not False  # check mode only says what it would do
    operator.change = result if applied else None
    asset = _asset_of(operator, result)
    facts = {name: result.get(name) for name in _FACTS}
    events: Any = context.get("outlet_events", {})
    for outlet in operator.outlets if "outlet_events" in context else ():
        if isinstance(outlet, AssetAlias):
            events[outlet].add(asset, extra=facts)
        elif isinstance(outlet, Asset):
            events[outlet].extra = {**events[outlet].extra, **facts}
    if applied:
        _tell_collector(operator, asset)


def openlineage_of(operator: VManageOperator) -> Any:
    """Return input (the source of an upload) and output (the image) of a change, as OpenLineage's OperatorLineage.

    Only for a process in which the OpenLineage provider is installed.

    :param operator: the operator that ran.
    """
    from airflow.providers.common.compat.openlineage.facet import (
        LifecycleStateChange,
        LifecycleStateChangeDatasetFacet,
        OutputDataset,
        OutputStatisticsOutputDatasetFacet,
    )

    # By name: its provider is no dependency of ours.
    lineage = import_module("airflow.providers.openlineage.extractors").OperatorLineage
    if not operator.change:
        return lineage()
    row = operator.change
    image = convert_asset_to_openlineage(_asset_of(operator, row), None)
    states = {"uploaded": "CREATE", "added": "CREATE", "replaced": "OVERWRITE", "deleted": "DROP"}
    facets: dict[str, Any] = {}
    statistics: dict[str, Any] = {}
    if state := states.get(row["action"]):
        change = LifecycleStateChange[state]
        facets["lifecycleStateChange"] = LifecycleStateChangeDatasetFacet(lifecycleStateChange=change)
    if row.get("size") is not None:
        statistics["outputStatistics"] = OutputStatisticsOutputDatasetFacet(size=row["size"])
    output = OutputDataset(namespace=image.namespace, name=image.name, facets=facets, outputFacets=statistics)
    return lineage(inputs=_inputs(operator), outputs=[output])


def _asset_of(operator: VManageOperator, row: Mapping[str, Any]) -> Asset:
    """Return the image's asset; an entry without a file is told by the repository as a whole."""
    return create_asset(host=operator.hook.settings.base_url, file_name=row.get("file_name") or None)


def _inputs(operator: VManageOperator) -> list[Any]:
    from airflow.providers.common.compat.openlineage.facet import Dataset

    source = getattr(operator, "source", None)
    if source is None:
        return []
    parts = urlsplit(str(source))
    if parts.scheme in ("", "file"):
        return [Dataset(namespace="file", name=parts.path)]
    where = parts.netloc.rpartition("@")[2]  # without user, password and query: a URL may be signed
    return [Dataset(namespace=f"{parts.scheme}://{where}", name=parts.path.lstrip("/"))]


def _tell_collector(operator: VManageOperator, asset: Asset) -> None:
    from airflow.providers.common.compat.lineage.hook import get_hook_lineage_collector

    collector: Any = get_hook_lineage_collector()  # type: ignore[no-untyped-call]
    collector.add_output_asset(context=operator.hook, uri=asset.uri)
