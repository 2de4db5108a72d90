"""Wake up when an image appears on the manager, however it got there: no schedule, no polling task.

The triggerer polls the list once a minute; each new image of release 20.15 starts a run. See docs/waits.md for what
a restart of the triggerer does on which Airflow.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_vmanage.triggers.software_repository import ImageAvailableTrigger

# [START watcher]
new_images = Asset(
    "vmanage_new_images",
    watchers=[
        AssetWatcher(
            name="images_of_20_15",
            trigger=ImageAvailableTrigger(vmanage_conn_id="vmanage_default", version_pattern="20.15.*"),
        )
    ],
)
# [END watcher]


@dag(
    dag_id="on_new_image",
    description="Start a run for each image of release 20.15 that appears in the software repository",
    doc_md=__doc__,
    schedule=[new_images],
    catchup=False,
    tags=["vmanage", "example"],
)
def on_new_image() -> None:
    """Log which images started the run."""

    @task
    def new_rows(triggering_asset_events: Any) -> list[dict[str, Any]]:
        """Return the rows of the images: several events may share a run; a run or event made by hand has none."""
        events = triggering_asset_events[new_images]
        return [event.extra["payload"] for event in events if "payload" in event.extra]

    new_rows()


on_new_image()
