"""A result as JUnit XML, as CI systems show it: a test case for each thing that was expected."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from orchestrator.simulation.scenarios.results import INVARIANTS, Check, Result

# XML 1.0 has no way to write these.
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_report(result: Result) -> str:
    """The document. The time of the run stands at its first test case, the invariants."""
    failed = sum(1 for one in result.checks if not one.good)
    numbers = {
        "tests": str(len(result.checks)),
        "failures": str(failed),
        "errors": "0",
        "time": f"{result.real_s:.3f}",
    }
    root = ET.Element("testsuites", {"name": "clickclaim sim run", **numbers})
    # Jenkins' xUnit plugin (junit-10.xsd) refuses a file that counts the skipped in its root too.
    numbers["skipped"] = "0"
    suite = ET.SubElement(root, "testsuite", {"name": _text(result.scenario.title), **numbers})
    properties = ET.SubElement(suite, "properties")
    for name, value in (
        ("seed", result.measured.seed),
        ("trace", result.measured.trace),
        ("virtual_s", f"{result.measured.virtual_s:.3f}"),
    ):
        ET.SubElement(properties, "property", {"name": name, "value": str(value)})
    for number, check in enumerate(result.checks):
        _case(suite, result, check, result.real_s if number == 0 else 0.0)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(suite: ET.Element, result: Result, check: Check, time_s: float) -> None:
    attributes = {
        "classname": f"clickclaim.scenario.{_text(_class_of(result.name))}",
        "name": f"{check.name}: {check.expected}",
        "time": f"{time_s:.3f}",
    }
    case = ET.SubElement(suite, "testcase", attributes)
    if check.good:
        return
    broken = check.name == INVARIANTS
    message = check.found if broken else f"{check.name}: {check.found}; expected: {check.expected}"
    if result.measured.violation and not broken:
        message += "; but the world stopped at the violation"
    failure = ET.SubElement(case, "failure", {"message": _text(message), "type": "expectation"})
    last = result.measured.last if broken else ()
    failure.text = _text("\n".join([message, *check.details, f"again: {result.again}", *last]))


def _class_of(name: str) -> str:
    """The file's own name: where CI systems see a dot or a slash they make a package of it."""
    return Path(name).stem.replace(".", "-")


def _text(text: str) -> str:
    return _UNWRITABLE.sub("?", text)
