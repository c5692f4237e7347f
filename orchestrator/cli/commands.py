"""The commands by name: what each is for, and where it is written. Loads nothing."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its module holds ``app``, and one line says what it does."""

    module: str
    summary: str
    group: str


_TRY: Final = "Try it"
_CLAIM: Final = "Claim a button"
_SERVE: Final = "Run the service"
_DATA: Final = "Look after its data"
_BENCH: Final = "Buttons at the bench"

COMMANDS: Final[dict[str, Command]] = {
    "demo": Command("demo", "Claim a simulated button, start to finish, in a few seconds.", _TRY),
    "doctor": Command("doctor", "Say what works on this machine, and how to mend the rest.", _TRY),
    "sim": Command("sim", "Simulate buttons: scenarios, fleets on a real broker, plots.", _TRY),
    "bench": Command("bench", "Measure claims per second on this machine.", _TRY),
    "claim": Command("claim", "Claim a button: open the window, wait for the press.", _CLAIM),
    "press": Command("press", "Press a simulated button, over MQTT.", _CLAIM),
    "watch": Command("watch", "Show clicks as they come, and what became of them.", _CLAIM),
    "why": Command("why", "Tell the story of one button in one screen.", _CLAIM),
    "serve": Command("serve", "Run the claim service until it is stopped.", _SERVE),
    "bridge": Command("bridge", "Pass on what buttons here say to a service elsewhere.", _SERVE),
    "aws-model": Command("aws_model", "Let boto3 and the AWS CLI call the service.", _SERVE),
    "devices": Command("devices", "Register buttons: add, import, list, key, release ...", _DATA),
    "claim-codes": Command("claim_codes", "Codes that claim a box of buttons at once.", _DATA),
    "keys": Command("keys", "Access keys of those who may call the service.", _DATA),
    "events": Command("events", "List the clicks of a button and what became of each.", _DATA),
    "records": Command("records", "List the attempts to claim, with their outcomes.", _DATA),
    "buttons": Command("buttons", "List what is attached and what advertises.", _BENCH),
    "record": Command("record", "Keep raw frames in a file, to play them again.", _BENCH),
    "decode": Command("decode", "Say what the frames in a file mean.", _BENCH),
    "flash-files": Command("flash_files", "Lay out the firmware for a board of yours.", _BENCH),
}

COMPLETION: Final = "_CLICKCLAIM_COMPLETE"
"""Set by the shell that asks for completions."""
COMPLETION_OPTIONS: Final = ("--install-completion", "--show-completion")

EXIT_CODES: Final[dict[int, str]] = {
    0: "claimed, or done",
    1: "refused or failed",
    2: "usage: an argument is missing or wrong",
    3: "timed out: nobody pressed",
    4: "a service, source or data folder could not be used",
    130: "cancelled with Ctrl-C",
}


def overview(*, colour: bool) -> str:
    """What ``clickclaim --help`` prints."""
    bold, plain = ("\033[1m", "\033[0m") if colour else ("", "")
    width = max(len(name) for name in COMMANDS)
    lines = [
        "clickclaim claims physical buttons: initiate, wait for the click, finalize, record.",
        "",
        f"{bold}Usage:{plain} clickclaim COMMAND [OPTIONS]      (COMMAND --help tells more)",
    ]
    for group in dict.fromkeys(command.group for command in COMMANDS.values()):
        lines += ["", f"{bold}{group}{plain}"]
        lines += [
            f"  {name:<{width}}  {command.summary}"
            for name, command in COMMANDS.items()
            if command.group == group
        ]
    codes = "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items())
    lines += ["", f"{bold}Exit codes{plain}", *_wrapped(codes), ""]
    lines += [
        "Start with: clickclaim demo",
        "Complete in your shell: clickclaim --install-completion",
    ]
    return "\n".join(lines) + "\n"


def suggestion(name: str) -> str:
    """The line to type instead of a command that does not exist."""
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    return f"did you mean: clickclaim {near[0]}" if near else "see them all: clickclaim --help"


def _wrapped(text: str) -> list[str]:
    lines, line = [], ""
    for part in text.split("; "):
        if line and len(line) + len(part) > 84:
            lines.append(f"  {line};")
            line = part
        else:
            line = f"{line}; {part}" if line else part
    return [*lines, f"  {line}"]
