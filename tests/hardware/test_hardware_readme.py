"""The README names every family as it is, and its example runs."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import hardware
from hardware.families import FAMILIES

README = (Path(hardware.__file__).parent / "README.md").read_text()


def test_every_family_has_its_row_with_its_transports():
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", README, flags=re.MULTILINE))
    assert rows.keys() == {family.name for family in FAMILIES}
    for family in FAMILIES:
        assert re.findall(r"`([\w-]+)`", rows[family.name]) == list(family.transports)


def test_the_example_prints_what_stands_below_it():
    example, printed = re.search(r"```python\n(.+?)```\n```\n(.+?)```", README, re.DOTALL).groups()
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(example, {})  # our own README
    assert out.getvalue() == printed
