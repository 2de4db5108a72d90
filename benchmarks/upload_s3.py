"""An S3 server of this machine, with one image in a bucket that anybody may read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def bucket_with(source: Path) -> Iterator[tuple[str, str, int]]:
    """Give the image's URL for ``ObjectStoragePath``, its plain address for curl, and the server's process id."""
    import boto3

    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    endpoint = f"http://127.0.0.1:{server.stdout.readline().strip()}"
    os.environ["NO_PROXY"] = "127.0.0.1"
    os.environ["AIRFLOW_CONN_IMAGES"] = json.dumps(
        {
            "conn_type": "aws",
            "login": "testing",
            "password": "testing",
            "extra": {"endpoint_url": endpoint, "region_name": "us-east-1"},
        }
    )
    try:
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        client.create_bucket(Bucket="images", ACL="public-read")
        client.upload_file(str(source), "images", "image.bin", ExtraArgs={"ACL": "public-read"})
        address = f"{endpoint}/images/image.bin"
        _wait_until_readable(address)
        yield "s3://images@images/image.bin", address, server.pid
    finally:
        server.terminate()
        server.communicate()


def _wait_until_readable(address: str) -> None:
    for _ in range(50):
        try:
            requests.head(address, timeout=5).raise_for_status()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit(f"{address} cannot be read")
