"""`clickclaim doctor`: what works on this machine, and the line that mends the rest."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Final

from orchestrator.cli.app import FAILED, new_app
from orchestrator.cli.options import AsJson, Data, folder_of
from orchestrator.cli.output import print_json, say
from orchestrator.runtime.checkup import check_up

app = new_app("Say what works on this machine, and how to mend the rest.")

_COLOURS: Final = {"ok": "\033[32m", "note": "\033[33m", "problem": "\033[31m"}


@app.command()
def doctor(data: Data = None, as_json: AsJson = False) -> None:
    """Look at Python, data folder, drivers, ports, Bluetooth and brokers."""
    findings = list(check_up(folder_of(data)))
    problems = sum(one.level == "problem" for one in findings)
    if as_json:
        print_json({"findings": [asdict(one) for one in findings], "problems": problems})
    else:
        colour = sys.stdout.isatty()
        for one in findings:
            level = f"{_COLOURS[one.level]}{one.level:<7}\033[0m" if colour else f"{one.level:<7}"
            say(f"{level}  {one.what}")
            if one.remedy:
                say(f"         -> {one.remedy}")
        say()
        say("Next: clickclaim demo" if not problems else f"{problems} to mend, see -> above")
    raise SystemExit(FAILED if problems else 0)
