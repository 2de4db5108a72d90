"""Every assumption, in the order of the report."""

from __future__ import annotations

from airflow_provider_vmanage.client.assumptions.actions import ACTIONS
from airflow_provider_vmanage.client.assumptions.changes import CHANGES
from airflow_provider_vmanage.client.assumptions.devices import DEVICES
from airflow_provider_vmanage.client.assumptions.login import LOGIN
from airflow_provider_vmanage.client.assumptions.repository import REPOSITORY
from airflow_provider_vmanage.client.assumptions.table import Assumption

SUBJECTS: dict[str, tuple[Assumption, ...]] = {
    "Login, errors and the end of a session": tuple(LOGIN.rows),
    "Software repository and remote servers": tuple(REPOSITORY.rows),
    "Devices, health and tasks": tuple(DEVICES.rows),
    "Actions on devices": tuple(ACTIONS.rows),
    "Changes": tuple(CHANGES.rows),
}

ASSUMPTIONS: tuple[Assumption, ...] = tuple(one for rows in SUBJECTS.values() for one in rows)
