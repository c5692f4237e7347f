"""Print the budget table: `scripts/bench [FILE...]`."""

from __future__ import annotations

import importlib
import os
import sys

from benchmarks.table import Row, machine, markdown, missed

# Each has rows(): a list of them.
FILES = ("in_process", "service", "fleet", "plugin", "virtual_time")


def main() -> None:
    wanted = sys.argv[1:] or FILES
    for name in wanted:
        if name not in FILES:
            raise SystemExit(f"no benchmark {name!r}; there are: {', '.join(FILES)}")
    measured: list[Row] = []
    load = os.getloadavg()[0]
    for name in wanted:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        module = importlib.import_module(f"benchmarks.{name}")
        measured += module.rows()
    print(markdown(measured))
    print(f"\nMeasured by `scripts/bench` on {machine()}.")
    if misses := missed(measured, load):
        print(f"\n{misses}")


if __name__ == "__main__":
    main()
