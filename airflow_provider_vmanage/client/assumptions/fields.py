"""The fields of records that public sources show, with their types; and how records differ from that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_vmanage.client.assumptions.names import shown_name

#: type of a field: alternatives are joined by ``|``; a trailing ``!`` marks a field that each record has
Fields = Mapping[str, str]

#: ``/client/server`` (OpenAPI of release 26.1; sastre 1.28 and catalystwan 0.41.6 read parts of it)
SERVER: Fields = {
    **dict.fromkeys(("server", "VSessionId", "VsessionId", "tenantId", "providerId", "providerDomain"), "text"),
    **dict.fromkeys(("user", "description", "locale", "CSRFToken", "cloudx", "reverseproxy", "vmanageMode"), "text"),
    **dict.fromkeys(("tenancyMode", "userMode", "viewMode"), "text"),
    **dict.fromkeys(("isSamlUser", "isRbacVpnUser", "isUiAllowed", "externalUser"), "bool"),
    **dict.fromkeys(("generalTemplate", "disableFullConfigPush", "enableServerEvents"), "bool"),
    **dict.fromkeys(("vpns", "capabilities", "roles"), "texts"),
    "platformVersion": "text!",
}

#: both lists of the software repository (Cisco's page of release 16.3; OpenAPI examples of release 26.1)
IMAGE: Fields = {
    **dict.fromkeys(("versionId", "versionName", "versionType"), "text!"),
    **dict.fromkeys(("availableFiles", "versionURL", "fileNameMap", "versionIdMap", "checksumMap"), "text"),
    **dict.fromkeys(("arch", "vendor", "imageType", "versionTypeName", "networkFunctionType"), "text"),
    **dict.fromkeys(("controllerVersionName", "cwVersion", "smuCompatibleVersion", "smuType", "smuDefectId"), "text"),
    **dict.fromkeys(("imagePropertiesJson", "vnfPropertiesJson", "systemPropertiesXml"), "text"),
    **dict.fromkeys(("remoteServerId", "remoteServers", "fileSizeStr", "name", "description"), "text"),
    "updatedOn": "integer",
    "platformFamily": "texts",
    "availableSmuVersions": "texts|text",
    "@rid": "integer",
}

#: the three lists of the upgrade page (OpenAPI example of release 26.1; catalystwan 0.41.6)
DEVICE: Fields = {
    "uuid": "text!",
    **dict.fromkeys(("version", "host-name", "system-ip", "local-system-ip", "deviceId", "site-id"), "text"),
    **dict.fromkeys(("device-type", "device-model", "device-os", "personality", "platform", "platformFamily"), "text"),
    **dict.fromkeys(("current-partition", "defaultVersion"), "text"),
    "reachability": "text|null",
    "availableVersions": "texts",
    "isScheduleUpgradeSupported": "bool",
    "isMultiStepUpgradeSupported": "bool",
    "layoutLevel": "integer",
    "uptime-date": "integer|text",
}

#: ``/device`` (live captures of releases 18.3 to 20.18)
HEALTH: Fields = {
    "system-ip": "text!",
    **dict.fromkeys(("deviceId", "local-system-ip", "uuid", "host-name", "personality", "device-type"), "text"),
    **dict.fromkeys(("device-model", "device-os", "platform", "version", "site-id", "site-name", "timezone"), "text"),
    **dict.fromkeys(("reachability", "status", "state", "state_description", "validity"), "text"),
    **dict.fromkeys(("certificate-validity", "controlConnections", "ompPeers", "bfdSessions"), "text"),
    **dict.fromkeys(("max-controllers", "domain-id", "board-serial", "latitude", "longitude", "model_sku"), "text"),
    **dict.fromkeys(("total_cpu_count", "linux_cpu_count", "configStatusMessage"), "text"),
    **dict.fromkeys(("statusOrder", "uptime-date", "lastupdated"), "integer|text"),
    **dict.fromkeys(("bfdSessionsUp", "layoutLevel"), "integer"),
    **dict.fromkeys(("isDeviceGeoData", "testbed_mode"), "bool"),
    **dict.fromkeys(("device-groups", "connectedVManages"), "texts"),
}

#: ``/device/counters`` (OpenAPI of release 26.1; fixtures of the Datadog agent from release 20.12.1)
COUNTERS: Fields = {
    "system-ip": "text!",
    **dict.fromkeys(("number-vsmart-control-connections", "expectedControlConnections"), "integer"),
    **dict.fromkeys(("rebootCount", "crashCount", "ompPeersUp", "ompPeersDown"), "integer"),
    **dict.fromkeys(("bfdSessionsUp", "bfdSessionsDown"), "integer"),
    "isMTEdge": "bool",
}

#: ``/device/tloc`` (OpenAPI of release 26.1, whose schema and example differ in one type)
TLOC: Fields = {
    **dict.fromkeys(("system-ip", "color"), "text!"),
    **dict.fromkeys(("bfdSessionsUp", "bfdSessionsDown", "controlConnectionsUp"), "integer"),
    "controlConnectionsDown": "integer|text",
    "controlConnectionsToVsmarts": "integer|text",
    "expectedControlConnections": "integer",
}

#: ``/device/action/status/tasks`` (catalystwan 0.41.6)
RUNNING_TASK: Fields = {
    "processId": "text!",
    **dict.fromkeys(("action", "name", "status", "detailsURL", "userSessionUserName", "userSessionIP"), "text"),
    **dict.fromkeys(("tenantName", "tenantId"), "text"),
    **dict.fromkeys(("startTime", "endTime", "@rid"), "integer"),
    "scheduledAction": "any",
}

#: the rows of ``/device/action/status/{id}`` (sample of catalystwan's tests)
TASK_ROW: Fields = {
    **dict.fromkeys(("status", "statusId"), "text!"),
    **dict.fromkeys(("statusType", "currentActivity", "action", "uuid", "deviceID", "system-ip"), "text"),
    **dict.fromkeys(("local-system-ip", "host-name", "site-id", "device-type", "personality", "deviceModel"), "text"),
    **dict.fromkeys(("reachability", "validity", "version", "vmanageIP", "processId", "requestStatus"), "text"),
    "active-partition": "text",
    "actionConfig": "text|object",
    "activity": "texts",
    **dict.fromkeys(("order", "startTime", "@rid"), "integer"),
}

#: ``/device/action/remote-server`` (OpenAPI of release 26.1; one of its examples shows numbers as text)
REMOTE_SERVER: Fields = {
    **dict.fromkeys(("remoteServerId", "remoteServerName"), "text!"),
    **dict.fromkeys(("remoteServerUrl", "remoteServerProtocol", "remoteServerUser", "imageLocationPrefix"), "text"),
    **dict.fromkeys(("remoteServerPort", "remoteServerVPN"), "integer|text"),
    "updatedOn": "integer",
}

#: ``/device/action/software/package/{id}/metadata`` (OpenAPI of release 26.1)
METADATA: Fields = {
    **dict.fromkeys(("description", "networkFunctionType", "versionName", "vendor", "imageType"), "text"),
    **dict.fromkeys(("checksumType", "checksum"), "text"),
    "tags": "texts",
}


def type_of(value: Any) -> str:
    """Return the name of the JSON type: ``text``, ``integer``, ``texts`` for a list of texts, and so on."""
    if isinstance(value, list):
        return "texts" if all(isinstance(one, str) for one in value) else "list"
    for kind, name in _TYPES:
        if isinstance(value, kind):
            return name
    return "null"


_TYPES = ((bool, "bool"), (int, "integer"), (float, "number"), (str, "text"), (dict, "object"))


def odd_types(rows: Iterable[Mapping[str, Any]], fields: Fields) -> str:
    """Return which known fields of which number of records have another type or are missing; empty if none."""
    rows = list(rows)
    odd: Counter[str] = Counter()
    for row in rows:
        for name, expected in fields.items():
            if name in row:
                kind = type_of(row[name])
                if expected != "any" and kind not in expected.rstrip("!").split("|"):
                    odd[f"{name} is {kind}"] += 1
            elif expected.endswith("!"):
                odd[f"{name} is missing"] += 1
    return _counted(odd, len(rows))


def unknown_fields(rows: Iterable[Mapping[str, Any]], fields: Fields) -> str:
    """Return the fields that no source shows, with their types; empty if there are none."""
    rows = list(rows)
    found = Counter(f"{shown_name(name)} ({type_of(row[name])})" for row in rows for name in row if name not in fields)
    return _counted(found, len(rows))


def _counted(found: Counter[str], total: int) -> str:
    return ", ".join(f"{what} in {count} of {total}" for what, count in sorted(found.items()))


ALL = (SERVER, IMAGE, DEVICE, HEALTH, COUNTERS, TLOC, RUNNING_TASK, TASK_ROW, REMOTE_SERVER, METADATA)
