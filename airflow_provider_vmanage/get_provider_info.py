"""What Airflow reads of this provider: one literal dict. Importing this module imports nothing of ours."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's description in the form of Airflow's provider_info schema."""
    return {
        "package-name": "airflow-provider-vmanage",
        "name": "Cisco vManage",
        "description": (
            "Software of Cisco vManage (Catalyst SD-WAN Manager): upload, await, list and delete images, and "
            "upgrade devices."
        ),
        "integrations": [
            {
                "integration-name": "Cisco vManage",
                "external-doc-url": "https://developer.cisco.com/docs/sdwan/",
                "tags": ["service"],
            }
        ],
        "hooks": [
            {
                "integration-name": "Cisco vManage",
                "python-modules": ["airflow_provider_vmanage.hooks.vmanage"],
            }
        ],
        "filesystems": ["airflow_provider_vmanage.filesystem"],
        "operators": [
            {
                "integration-name": "Cisco vManage",
                "python-modules": [
                    "airflow_provider_vmanage.operators.software_repository",
                    "airflow_provider_vmanage.operators.software_upgrade",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "Cisco vManage",
                "python-modules": [
                    "airflow_provider_vmanage.sensors.software_repository",
                    "airflow_provider_vmanage.sensors.software_upgrade",
                ],
            }
        ],
        "triggers": [
            {
                "integration-name": "Cisco vManage",
                "python-modules": [
                    "airflow_provider_vmanage.triggers.software_repository",
                    "airflow_provider_vmanage.triggers.software_upgrade",
                    "airflow_provider_vmanage.triggers.upgrade",
                ],
            }
        ],
        "cli": ["airflow_provider_vmanage.cli.definition.get_commands"],
        "extra-links": [
            "airflow_provider_vmanage.links.SoftwareRepositoryLink",
            "airflow_provider_vmanage.links.SoftwareUpgradeLink",
        ],
        "asset-uris": [
            {
                "schemes": ["vmanage"],
                "handler": "airflow_provider_vmanage.assets.normalize_uri",
                "factory": "airflow_provider_vmanage.assets.create_asset",
                "to_openlineage_converter": "airflow_provider_vmanage.assets.convert_asset_to_openlineage",
            }
        ],
        "connection-types": [
            {
                "connection-type": "vmanage",
                "hook-class-name": "airflow_provider_vmanage.hooks.vmanage.VManageHook",
                "hook-name": "Cisco vManage",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "Manager", "login": "Username"},
                    "placeholders": {"host": "vmanage.example.com", "port": "443", "login": "airflow"},
                },
                "conn-fields": {
                    "auth": {
                        "label": "Login method",
                        "description": "session: every release; jwt and api_key: release 20.18 and newer",
                        "schema": {
                            "type": ["string", "null"],
                            "enum": ["session", "jwt", "api_key"],
                            "default": "session",
                        },
                    },
                    "api_key": {
                        "label": "API key",
                        "description": "only with the login method api_key; username and password are not used then",
                        "schema": {"type": ["string", "null"], "format": "password"},
                    },
                    "tenant": {
                        "label": "Tenant",
                        "description": "name, sub-domain or id; only for a provider user of a multi-tenant manager",
                        "schema": {"type": ["string", "null"]},
                    },
                    "verify": {
                        "label": "Verify certificate",
                        "description": "leave it on, and name the certificate authority below if it is your own",
                        "schema": {"type": ["boolean", "null"], "default": True},
                    },
                    "ca_bundle": {
                        "label": "CA bundle",
                        "description": "file of PEM certificates, readable on workers and triggerer",
                        "schema": {"type": ["string", "null"]},
                    },
                    "connect_timeout": {
                        "label": "Connect timeout (s)",
                        "description": "10 s unless given",
                        "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 86400},
                    },
                    "read_timeout": {
                        "label": "Read timeout (s)",
                        "description": "60 s unless given: longest pause of the manager within a response",
                        "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 86400},
                    },
                    "upload_read_timeout": {
                        "label": "Upload read timeout (s)",
                        "description": "1800 s unless given: from the last byte of an image to the manager's response",
                        "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 86400},
                    },
                    "requests_per_second": {
                        "label": "Requests per second",
                        "description": "20 unless given, from each process; managers take 100 from all clients",
                        "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 100},
                    },
                },
            }
        ],
    }
