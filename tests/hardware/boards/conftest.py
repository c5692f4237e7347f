"""Boards to start: files as flash_files lays them out, lives on real MicroPython."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hardware.boards.flash import Wifi, flash_files
from tests.hardware.boards.lives import Life
from tests.micropython import node

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    return json.loads((HERE / "golden.json").read_text())


@pytest.fixture
def laid_out(tmp_path, golden):
    """Lays out the golden button; what is said otherwise replaces its options."""

    def lay_out(board: str, **said: Any) -> Path:
        options = {
            "device_id": golden["device_id"],
            "key": bytes.fromhex(golden["key"]),
            "ble": True,
            "ble_key": bytes.fromhex(golden["ble_key"]),
            "wifi": Wifi("lab", "kept from all logs"),
            "mqtt_url": golden["mqtt_url"],
        }
        flash_files(board, tmp_path / board, **{**options, **said})
        return tmp_path / board

    return lay_out


@pytest.fixture(scope="session")
def live():
    """Starts a laid-out board once for each life; files outlive a life, the rest does not."""
    bench = subprocess.Popen(
        [node(), HERE / "board.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with bench:

        def run(board: Path, *lives: dict[str, Any]) -> list[Life]:
            asked = {"board": str(board), "fakes": str(HERE / "fakes"), "lives": lives}
            bench.stdin.write(json.dumps(asked) + "\n")
            bench.stdin.flush()
            answer = bench.stdout.readline()
            assert answer, "MicroPython ended; what it said last stands in the captured stderr"
            return [
                Life([tuple(one) for one in life["told"]], life["ended"], life["counters"])
                for life in json.loads(answer)
            ]

        yield run
        bench.stdin.close()
