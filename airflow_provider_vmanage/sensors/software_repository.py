"""Sensor that waits until an image shows up in the software repository of a vManage."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, PokeReturnValue

from airflow_provider_vmanage.exceptions import fail_without_retry

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_vmanage.client.models import SoftwareImage
    from airflow_provider_vmanage.hooks.vmanage import VManageHook


class ImageVersionSensor(BaseSensorOperator):
    """Wait until an image shows up in the list; its row is the XCom.

    Reads only; a retry is safe. All that is given must fit, exactly. More than one fit is success, since images of
    several roles share a version: the XCom is the newest, and the log names the others. A broken list is an error,
    never "not there yet".

    :param version: version as the manager lists it (templated). Give it, ``file_name`` or both.
    :param file_name: listed or uploaded file name (templated).
    :param platform_family: only images for this family, such as ``c8000v`` (templated).
    :param image_type: only this type, such as ``software`` (templated).
    :param vmanage_conn_id: id of the connection (templated).
    :raises VManageFailException: bad input, refused login, no permission. No retry.
    :raises VManageError: unavailable, or an answer that is no list. A retry is safe.
    """

    template_fields: Sequence[str] = (
        "version",
        "file_name",
        "platform_family",
        "image_type",
        "vmanage_conn_id",
    )
    template_ext: Sequence[str] = ()
    ui_color = "#e6f1f2"

    def __init__(
        self,
        *,
        version: str | None = None,
        file_name: str | None = None,
        platform_family: str | None = None,
        image_type: str | None = None,
        vmanage_conn_id: str = "vmanage_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.version = version
        self.file_name = file_name
        self.platform_family = platform_family
        self.image_type = image_type
        self.vmanage_conn_id = vmanage_conn_id

    @cached_property
    def hook(self) -> VManageHook:
        """Return the hook; imported here so that a DAG file does not pay for the client."""
        from airflow_provider_vmanage.hooks.vmanage import VManageHook

        return VManageHook(self.vmanage_conn_id)

    def execute(self, context: Context) -> Any:
        """Poke until the image is there, all pokes of one process in one session."""
        with self.hook:
            return super().execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once; one call to the manager."""
        # Here rather than around all pokes: Airflow decides within its loop what soft_fail, never_fail and silent_fail
        # mean for an error, and a silent sensor that logs in again after a refused login would lock the account.
        with fail_without_retry():
            found = self._found()
        if not found:
            self.log.info("Not listed yet: %s", self._wanted())
            return PokeReturnValue(is_done=False)
        newest = max(found, key=lambda image: image.updated_on or 0)
        others = [image.describe() for image in found if image is not newest]
        self.log.info("Listed: %s%s", newest.describe(), f"; also {'; '.join(others)}" if others else "")
        return PokeReturnValue(is_done=True, xcom_value=newest.as_row())

    def on_kill(self) -> None:
        """Break off the call under way."""
        self.hook.abort()

    def _found(self) -> list[SoftwareImage]:
        images = self.hook.find_images(version=self.version, file_name=self.file_name)
        return [
            image
            for image in images
            if (not self.platform_family or self.platform_family in image.platform_family)
            and (not self.image_type or image.image_type == self.image_type)
        ]

    def _wanted(self) -> str:
        names = ("version", "file_name", "platform_family", "image_type")
        return ", ".join(f"{name} {getattr(self, name)}" for name in names if getattr(self, name))
