"""What `scripts/bench` says of a row that misses its budget."""

from __future__ import annotations

from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture
def table(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from benchmarks import table

    return table


def test_a_row_that_misses_its_budget_is_told_with_how_busy_the_machine_was(table):
    kept = table.Row("claims", "≥ 500 /s", "687 /s")
    missed = table.Row("clicks", "≥ 30,000 /s", "29,000 /s", met=False)
    assert table.missed([kept], 0.1) == ""
    first, last = table.missed([kept, missed], 3.14).splitlines()
    assert first == "MISSED: clicks: 29,000 /s; wanted: ≥ 30,000 /s"
    assert last.startswith("When this began, 3.1 processes wanted to run on ")


def test_a_row_is_a_line_of_the_readme_s_table(table):
    row = table.Row("clicks", "≥ 30,000 /s", "29,000 /s", met=False)
    assert table.markdown([row]).splitlines()[-1] == "| clicks | ≥ 30,000 /s | 29,000 /s |"
