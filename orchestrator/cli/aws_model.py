"""`clickclaim aws-model`: the API's model where current AWS clients look for it."""

from __future__ import annotations

from orchestrator.cli.app import new_app
from orchestrator.cli.options import AsJson
from orchestrator.cli.output import print_json, say

app = new_app("Let current boto3 and AWS CLI call the service.", group=True)


@app.command()
def install(as_json: AsJson = False) -> None:
    """Write the API's model into the clients' search path."""
    from orchestrator.api.aws_model import install_model

    written = install_model()
    if as_json:
        print_json({"written": [str(path) for path in written]})
        return
    for path in written:
        say(f"wrote {path}")
    say("Next: aws iot1click-devices list-devices --endpoint-url http://127.0.0.1:8080")


@app.command()
def remove(as_json: AsJson = False) -> None:
    """Take out what `install` wrote."""
    from orchestrator.api.aws_model import remove_model

    removed = remove_model()
    if as_json:
        print_json({"removed": [str(path) for path in removed]})
        return
    for path in removed:
        say(f"removed {path}")
    if not removed:
        say("Nothing was installed.")
