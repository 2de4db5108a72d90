"""Run by Python of another environment: catalyst-sdwan-super-mcp 0.6.4 reads images, and its session ends meanwhile.

The client takes its calls from OpenAPI files, which it does not ship: this writes one with the call that is used.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from sdwan_mcp.auth import VManageAuth  # type: ignore[import-not-found]
from sdwan_mcp.dispatcher import Dispatcher  # type: ignore[import-not-found]
from sdwan_mcp.loader import SpecLoader  # type: ignore[import-not-found]

PATH = "/device/action/software"
SPEC = {"paths": {PATH: {"get": {"operationId": "list", "tags": ["Software - Images"], "responses": {}}}}}


async def main(url: str, username: str, password: str, mode: str) -> None:
    host, port = urlsplit(url).hostname, urlsplit(url).port
    auth = VManageAuth(host, port, username, password, use_jwt=mode == "jwt")
    dispatcher = Dispatcher(f"{url}/dataservice", auth, verify_ssl=True)
    with tempfile.TemporaryDirectory() as folder:
        version = Path(folder) / "20.18"
        version.mkdir()
        (version / "images.json").write_text(json.dumps(SPEC), encoding="utf-8")
        index = SpecLoader(folder, "20.18").load()
    dispatcher.set_index(index)
    (name,) = index.by_action_name
    await dispatcher.connect()
    lists = [await dispatcher.call(name, {}) for _ in range(2)]
    await dispatcher.close()
    print(json.dumps([[row["availableFiles"].strip("[]") for row in one["data"]] for one in lists]))  # noqa: T201


asyncio.run(main(*sys.argv[1:]))
