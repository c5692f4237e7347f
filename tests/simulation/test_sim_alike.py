"""A seed's trace is the same in every process, however Python hashes its strings there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from orchestrator.simulation.seeds import run_seed

# Two services and power cuts; two and searches; searches, callbacks and power cuts.
SEEDS = (0, 6, 22)

_PROGRAM = """
import sys
from orchestrator.simulation.seeds import run_seed
print(*(run_seed(int(seed)).trace for seed in sys.argv[1:]))
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_a_trace_does_not_depend_on_the_hashes_of_strings(hash_seed):
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, SEEDS)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert ran.stdout.split() == [run_seed(seed).trace for seed in SEEDS]
