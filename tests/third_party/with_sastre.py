"""Run by Python of another environment: a life in the software repository through the REST class of sastre 1.28.

Sastre has no upload of its own, so its session, with the header that it sets on it removed, does that one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cisco_sdwan.base.rest_api import Rest  # type: ignore[import-not-found]

SOFTWARE = "device/action/software"


def upload(rest: Rest, image: str) -> None:
    with Path(image).open("rb") as file:
        response = rest.session.post(
            f"{rest.base_url}/dataservice/{SOFTWARE}/package",
            files={"file": (Path(image).name, file, "application/x-gzip")},
            headers={"Content-Type": None},
            verify=rest.verify,
            timeout=60,
        )
    response.raise_for_status()


def names(rest: Rest) -> dict[str, str]:
    return {one["availableFiles"].strip("[]"): one["versionId"] for one in rest.get(SOFTWARE)["data"]}


def main(url: str, username: str, password: str, kept: str, deleted: str, ca_bundle: str, api_key: str = "") -> None:
    with Rest(url, username or None, password or None, apikey=api_key or None, timeout=60, verify=ca_bundle) as rest:
        for image in (kept, deleted):
            upload(rest, image)
        listed = names(rest)
        rest.delete(SOFTWARE, listed[Path(deleted).name])
        print(json.dumps({"listed": list(listed), "left": list(names(rest))}))  # noqa: T201


main(*sys.argv[1:])
