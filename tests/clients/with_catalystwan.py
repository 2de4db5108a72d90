"""Run by Python of another environment: a life in the software repository, as users of catalystwan 0.41.6 lead it."""

from __future__ import annotations

import json
import sys

from catalystwan.session import create_manager_session  # type: ignore[import-not-found]


def main(url: str, username: str, password: str, kept: str, deleted: str) -> None:
    name = deleted.rpartition("/")[2]
    with create_manager_session(url, username, password) as session:
        for image in (kept, deleted):
            session.api.repository.upload_image(image)
        listed = [one.available_files for one in session.api.repository.get_all_software_images()]
        version = session.api.repository.get_image_version(name)
        session.api.repository.delete_image(name)
        left = [one.available_files for one in session.api.repository.get_all_software_images()]
    print(json.dumps({"listed": listed, "version": version, "left": left}))  # noqa: T201


main(*sys.argv[1:])
