"""What Airflow reads of this provider: one literal dict; importing this module imports nothing else."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description in the form of Airflow's provider_info schema."""
    return {
        "package-name": "airflow-provider-vmanage",
        "name": "Cisco vManage",
        "description": "Software repository of Cisco vManage (Catalyst SD-WAN Manager).",
    }
