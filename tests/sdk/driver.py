"""Runs inside an environment with an AWS client, and does what the tests say, line by line.

Plain Python 3.11 with boto3 and nothing of ours: it must run where only the old client is.
"""

import json
import sys

import boto3
import botocore
import botocore.loaders
from botocore.config import Config
from botocore.exceptions import ClientError

CLIENTS = {}


def client_for(how):
    name = json.dumps(how, sort_keys=True)
    if name not in CLIENTS:
        config = {"retries": how.get("retries", {"total_max_attempts": 1})}
        if how.get("unsigned"):
            config["signature_version"] = botocore.UNSIGNED
        CLIENTS[name] = boto3.client(
            "iot1click-devices",
            endpoint_url=how.get("endpoint_url"),
            region_name="us-west-2",
            aws_access_key_id=how.get("access_key"),
            aws_secret_access_key=how.get("secret"),
            config=Config(**config),
        )
    return CLIENTS[name]


def call(asked):
    client = client_for(asked["client"])
    headers = asked.get("headers", {})

    def add_headers(request, **_):
        for name, value in headers.items():
            request.headers[name] = value

    client.meta.events.register_first("before-sign.*.*", add_headers, "tests")
    try:
        if asked.get("paginate"):
            pages = client.get_paginator(asked["call"]).paginate(**asked["kwargs"])
            return {"pages": [strip(page) for page in pages]}
        return {"answer": getattr(client, asked["call"])(**asked["kwargs"])}
    except ClientError as error:
        modelled = getattr(client.exceptions, type(error).__name__, None)
        return {
            "error": {
                "type": type(error).__name__ if modelled else "ClientError",
                "response": error.response,
            }
        }
    finally:
        client.meta.events.unregister("before-sign.*.*", unique_id="tests")


def strip(page):
    return {name: value for name, value in page.items() if name != "ResponseMetadata"}


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "about":
            said = {"botocore": botocore.__version__, "boto3": boto3.__version__}
        elif asked["do"] == "model":
            said = botocore.loaders.create_loader().load_service_model(
                "iot1click-devices", "service-2"
            )
        else:
            try:
                said = call(asked)
            except Exception as error:  # noqa: BLE001 - the test is told whatever it is
                said = {"raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(said, default=str), flush=True)


main()
