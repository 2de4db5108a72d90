"""Assets for what a manager holds: the software repository as a whole, and one image in it.

======================================  =========================================
``vmanage://host/software``             the software repository of the manager
``vmanage://host/software/<file>``      one image, by its exact file name
======================================  =========================================

The port follows the host where it is not 443. Airflow compares URIs as text, so they are written in one way only:
lower-case host, an IPv6 address in its short form, no ``:443``, no user information, and in the file's name ``%XX`` for
whatever is not a letter, a digit or one of ``-._~``.

.. code-block:: python

    image = vmanage_image("vmanage.example.com", "vmanage-20.12.4-x86_64.tar.gz")
    UploadImageOperator(task_id="upload", source="s3://…", outlets=[image])
    with DAG("after_upload", schedule=[image]): ...
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, unquote, urlsplit

from airflow.sdk import Asset

from airflow_provider_vmanage.client.errors import VManageConfigurationError
from airflow_provider_vmanage.client.urls import manager_url

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset

_SCHEME = "vmanage"
_FOLDER = "software"


def vmanage_repository(host: str, *, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset that stands for the whole software repository of a manager.

    :param host: as in a connection: name, ``name:port``, URL without a path, IPv4 or IPv6 address.
    :param extra: what to keep with the asset.
    :raises VManageConfigurationError: the host is none.
    """
    return Asset(uri=f"{_SCHEME}://{_netloc(host)}/{_FOLDER}", extra=extra)


def vmanage_image(host: str, file_name: str, *, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset that stands for one image on a manager.

    :param host: as for :func:`vmanage_repository`.
    :param file_name: exact name of the file, as the manager lists it or as it is uploaded.
    :param extra: what to keep with the asset.
    :raises VManageConfigurationError: the host is none.
    :raises ValueError: no file name.
    """
    if not file_name.strip():
        raise ValueError(f"file_name is {file_name!r}: give the name of the image's file")
    return Asset(uri=f"{_SCHEME}://{_netloc(host)}/{_FOLDER}/{quote(file_name, safe='')}", extra=extra)


def normalize_uri(uri: SplitResult) -> SplitResult:
    """Return the one way to write a ``vmanage://`` URI; Airflow calls it for every asset with this scheme.

    :raises ValueError: there is no host in it, or one that is none.
    """
    host = uri.netloc.rpartition("@")[2]
    if not host.partition(":")[0]:
        raise ValueError(f"URI {uri.geturl()!r} has no host: write {_SCHEME}://host/{_FOLDER}/<file name>")
    try:
        netloc = _netloc(host)
    except VManageConfigurationError as err:  # Airflow's own word for a URI that it cannot take
        raise ValueError(f"URI with the host {host!r}: {err}") from err
    path = "/".join(quote(unquote(part), safe="") for part in uri.path.split("/"))
    return uri._replace(netloc=netloc, path=path, query="", fragment="")


def create_asset(*, host: str, file_name: str | None = None, extra: dict[str, Any] | None = None) -> Asset:
    """Return the asset of an image, or of the repository without a file name; for Airflow's lineage collector."""
    return vmanage_repository(host, extra=extra) if file_name is None else vmanage_image(host, file_name, extra=extra)


def convert_asset_to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:
    """Return the OpenLineage dataset of an asset: the manager is the namespace, the path the name."""
    from airflow.providers.common.compat.openlineage.facet import Dataset

    parts = urlsplit(asset.uri)
    return Dataset(namespace=f"{parts.scheme}://{parts.netloc}", name=parts.path.lstrip("/"))


def _netloc(host: str) -> str:
    netloc = manager_url(host).partition("://")[2].removesuffix(":443")
    name, bracket, port = netloc.removeprefix("[").partition("]")
    if not bracket or "%" in name:  # a zone of an address means something on one machine only
        return netloc
    return f"[{ipaddress.IPv6Address(name).compressed}]{port}"
