import os

from airflow.sdk import DAG, task

from airflow_provider_vmanage.operators import software_repository as repository
from airflow_provider_vmanage.operators import software_upgrade as devices

MANAGERS = ["vmanage_default", "vmanage_branch"]
IMAGES = os.environ.get("VMANAGE_IMAGES", "/images")
SITES = [["branch-1", "branch-2"], ["branch-3"]]  # a task for each group of devices
NEW, OLD = "17.12.04.0.6740", "17.06.05.0.8"

with DAG("expand_operators", schedule=None, default_args={"check_mode": True}) as dag:  # without it, it is done

    @task
    def with_connection(plans: list[dict]) -> list[dict]:
        """Return each plan with the connection that it was made on: both lists have the same order."""
        return [{"plan": plan, "vmanage_conn_id": name} for plan, name in zip(plans, MANAGERS, strict=True)]

    # [START managers]
    name = {"map_index_template": "{{ task.vmanage_conn_id }}"}
    repository.ListImagesOperator.partial(task_id="images", **name).expand(vmanage_conn_id=MANAGERS)
    repository.PruneImagesOperator.partial(task_id="prune", keep=2, **name).expand(vmanage_conn_id=MANAGERS)
    server = repository.RemoteServerOperator.partial(task_id="server", name="image-server", url="10.0.0.9", **name)
    server.expand(vmanage_conn_id=MANAGERS)
    devices.ListDeviceSoftwareOperator.partial(task_id="devices", **name).expand(vmanage_conn_id=MANAGERS)
    # [END managers]

    # [START images]
    files = ["vmanage-20.12.4-x86_64.tar.gz", "c8000v-universalk9.17.12.04.SPA.bin"]
    repository.UploadImageOperator.partial(
        task_id="upload", max_active_tis_per_dagrun=1, map_index_template="{{ task.source }}"
    ).expand(source=[f"{IMAGES}/{file}" for file in files])
    repository.DownloadImageOperator.partial(task_id="download", target=f"{IMAGES}/copies/").expand(file_name=files)
    repository.DeleteImageOperator.partial(task_id="delete").expand(version=["20.12.1", "20.12.2"])
    repository.AddRepoOperator.partial(task_id="add_repository").expand_kwargs(
        [
            {"version_name": version, "version_url": f"https://images.example.com/sd-wan/{version}/"}
            for version in ("17.9.4", "17.12.4")
        ]
    )
    remote = repository.AddRemoteImageOperator.partial(task_id="remote_image", remote_server="image-server")
    remote.expand(file_name=files)
    # [END images]

    # [START plans]
    plan = repository.PlanRepositoryOperator.partial(task_id="plan", images=[f"{IMAGES}/{files[0]}"], **name)
    planned = plan.expand(vmanage_conn_id=MANAGERS)
    repository.ApplyRepositoryOperator.partial(task_id="apply", **name).expand_kwargs(with_connection(planned.output))

    plan_upgrade = devices.PlanUpgradeOperator.partial(task_id="plan_upgrade", version=NEW, **name)
    waves = plan_upgrade.expand(vmanage_conn_id=MANAGERS)
    devices.UpgradeDevicesOperator.partial(task_id="upgrade", retries=0, **name).expand_kwargs(
        with_connection.override(task_id="with_connection_too")(waves.output)
    )
    # [END plans]

    # [START devices]
    install = devices.InstallSoftwareOperator.partial(task_id="install", version=NEW).expand(devices=SITES)
    activate = devices.ActivateSoftwareOperator.partial(
        task_id="activate",
        version=NEW,
        retries=0,
        max_active_tis_per_dagrun=1,  # one site after the other
    ).expand(devices=SITES)
    default = devices.SetDefaultSoftwareOperator.partial(task_id="default", version=NEW).expand(devices=SITES)
    remove = devices.RemoveSoftwareOperator.partial(task_id="remove", version=OLD).expand(devices=SITES)

    install >> activate >> default >> remove
    # [END devices]
