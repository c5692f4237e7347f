"""Puts the fakes in place of the chip's modules and starts main.py as a board does."""

import os
import sys

sys.path[:] = ["/fakes", ""]
for name in ("time", "machine", "network", "socket", "bluetooth", "cryptolib", "esp32", "os"):
    sys.modules.pop(name, None)
import bench  # noqa: E402 - it lies in the folder that was named just now

os.chdir("/flash")
bench.prepare()
with open("main.py") as file:  # noqa: PTH123 - a chip has no pathlib
    source = file.read()
exec(source, {"__name__": "__main__"})
