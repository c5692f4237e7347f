"""The service as its users meet it: HTTP, MQTT, waiting claims, start-up, and moto beside it.

- claims through Mosquitto and HTTP: pre-signed initiate and finalize over 128 connections, the
  click published at QoS 1 once initiate answered, finalize sent when the event stream told the
  match. Load, broker and service share the machine. SigV4 is verified: the key is configured.
- click to MATCHED: 40 clicks/s, from just before publish until the event stream told the match,
  so what the stream takes is in it.
- waiting: CPU time of the service over ten seconds in which 2,000 claims are open.
- durable writes: InitiateDeviceClaim of 3,000 devices, each registered by it, unsigned in `dev`
  and signed with a configured key, against moto's iot:CreateThing, which keeps things in memory
  and verifies nothing. Same client, same connections, in turns.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import load, servers
from benchmarks.table import Row
from botocore.credentials import Credentials

from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import ButtonDevice, MqttEncoder
from firmware_sim.links.mqtt import MqttLink
from firmware_sim.world.slots import MemorySlot

CLAIMS = 3_000
AT_ONCE = 128
LATENCY_CLICKS = 400
CLICKS_PER_S = 40
WAITING = 2_000
WRITES = 3_000


def rows() -> list[Row]:
    """Every row of this file."""
    with workspace() as folder:
        return [
            *asyncio.run(_through_the_service(folder)),
            *asyncio.run(_durable_writes(folder)),
            *_starts(folder),
        ]


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder on the disk that the project is on."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        yield Path(folder)


def create_key(folder: Path) -> Credentials:
    """A configured access key of the service on this folder."""
    made = subprocess.run(
        [servers.BIN / "clickclaim", "keys", "create", "--data", folder, "--json"],
        check=True,
        capture_output=True,
    )
    said = json.loads(made.stdout)
    return Credentials(said["accessKeyId"], said["secretAccessKey"])


def ids(prefix: str, count: int) -> list[str]:
    """Device ids that no other row uses."""
    return [f"{prefix}{number:010d}" for number in range(count)]


async def _through_the_service(folder: Path) -> list[Row]:
    data = folder / "data"
    credentials = create_key(data)
    with (
        servers.mosquitto(folder) as broker,
        servers.clickclaim_serve(data, broker) as serving,
    ):
        bench = _Bench(serving, credentials)
        facts = await bench.follow_facts()
        async with MqttLink(broker) as link:
            rate = await bench.claims(facts, link)
            latency_ms = await bench.latencies(facts, link)
        facts.stop()
        cpu_percent = await bench.waiting()
    p50 = statistics.median(latency_ms)
    p99 = statistics.quantiles(latency_ms, n=100)[98]
    return [
        Row(
            "claims through Mosquitto and HTTP, SigV4 verified",
            "≥ 500 /s",
            f"{rate:,.0f} /s",
            met=rate >= 500,
        ),
        Row(
            f"click published → MATCHED durable, {CLICKS_PER_S} clicks/s",
            "p50 ≤ 5 ms, p99 ≤ 50 ms",
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms",
            met=p50 <= 5 and p99 <= 50,
        ),
        Row(
            f"CPU while {WAITING:,} claims merely wait",
            "≤ 1 % of a core",
            f"{cpu_percent:.2f} %",
            met=cpu_percent <= 1,
        ),
    ]


class _Bench:
    """Requests and clicks for one running service."""

    def __init__(self, serving: servers.Serving, credentials: Credentials) -> None:
        self._serving = serving
        self._host = f"{serving.host}:{serving.port}"
        self._credentials = credentials

    def made(self, path: str, body: bytes = b"", method: str = "PUT") -> bytes:
        """A signed request."""
        return load.request(method, path, host=self._host, body=body, credentials=self._credentials)

    async def follow_facts(self) -> load.Facts:
        facts = load.Facts()
        made = self.made("/v1/stream", method="GET")
        await facts.follow(self._serving.host, self._serving.port, made)
        return facts

    async def claims(self, facts: load.Facts, link: MqttLink) -> float:
        """Claims per second."""
        names = ids("CLAIM", CLAIMS)
        work = [
            (
                name,
                self.made(load.device_path(name, "initiate-claim")),
                _click(name),
                self.made(load.device_path(name, "finalize-claim"), b'{"tags":{}}'),
            )
            for name in names
        ]
        left = iter(work)

        async def station() -> None:
            line = await load.connect(self._serving.host, self._serving.port)
            for name, initiate, (topic, payload), finalize in left:
                _want(200, await line.send(initiate))
                matched = facts.matched(name)
                await link.publish(topic, payload)
                await asyncio.wait_for(matched, 30)
                _want(200, await line.send(finalize))

        start_s = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(station())
        return CLAIMS / (time.perf_counter() - start_s)

    async def latencies(self, facts: load.Facts, link: MqttLink) -> list[float]:
        """Milliseconds from publish to told, click by click."""
        names = ids("LATE", LATENCY_CLICKS)
        initiates = [self.made(load.device_path(name, "initiate-claim")) for name in names]
        await load.send_all(self._serving.host, self._serving.port, initiates, connections=16)
        took: list[float] = []

        async def press(name: str) -> None:
            topic, payload = _click(name)
            matched = facts.matched(name)
            start_s = time.perf_counter()
            await link.publish(topic, payload)
            took.append((await asyncio.wait_for(matched, 30) - start_s) * 1000)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(press(name))
                await asyncio.sleep(1 / CLICKS_PER_S)
        return took

    async def waiting(self) -> float:
        """Per cent of a core while claims wait."""
        initiates = [
            self.made(load.device_path(name, "initiate-claim")) for name in ids("WAIT", WAITING)
        ]
        await load.send_all(self._serving.host, self._serving.port, initiates, connections=16)
        await asyncio.sleep(2)
        before_s, start_s = servers.cpu_seconds(self._serving.pid), time.perf_counter()
        await asyncio.sleep(10)
        used_s = servers.cpu_seconds(self._serving.pid) - before_s
        return 100 * used_s / (time.perf_counter() - start_s)


async def _durable_writes(folder: Path) -> list[Row]:
    data = folder / "writes"
    credentials = create_key(data)
    rounds: dict[str, list[float]] = {"moto": [], "dev": [], "sigv4": []}
    with (
        servers.moto_server() as (moto_port, _),
        servers.clickclaim_serve(data, "none") as serving,
    ):
        moto_host = f"127.0.0.1:{moto_port}"
        host = f"{serving.host}:{serving.port}"
        moto_key = Credentials("moto", "moto")
        for number in range(3):
            things = [
                load.request(
                    "POST", f"/things/{name}", host=moto_host, body=b"{}",
                    credentials=moto_key, service="iot",
                )
                for name in ids(f"T{number}", WRITES // 10)
            ]  # fmt: skip
            took_s = await load.send_all("127.0.0.1", moto_port, things, connections=8)
            rounds["moto"].append(len(things) / took_s)
            for kind, key in (("dev", None), ("sigv4", credentials)):
                made = [
                    load.request(
                        "PUT", load.device_path(name, "initiate-claim"), host=host,
                        credentials=key,
                    )
                    for name in ids(f"{kind}{number}", WRITES)
                ]  # fmt: skip
                took_s = await load.send_all(serving.host, serving.port, made, connections=32)
                rounds[kind].append(WRITES / took_s)
    rate = {kind: statistics.median(rates) for kind, rates in rounds.items()}
    return [
        Row(
            f"durable writes of the API {what} : moto's iot:CreateThing",
            f"≥ {times} times",
            f"{rate[kind] / rate['moto']:.1f} times"
            f" ({rate[kind]:,.0f} /s : {rate['moto']:,.0f} /s)",
            met=rate[kind] >= times * rate["moto"],
        )
        for kind, what, times in (
            ("dev", "unsigned (`dev`)", 15),
            ("sigv4", "with SigV4 verified", 8),
        )
    ]


def _starts(folder: Path) -> list[Row]:
    """Medians of five starts each, in turns."""
    help_s, serve_s, moto_s = [], [], []
    for number in range(5):
        start_s = time.perf_counter()
        subprocess.run([servers.BIN / "clickclaim", "--help"], check=True, capture_output=True)
        help_s.append(time.perf_counter() - start_s)
        with servers.clickclaim_serve(folder / f"start{number}", "embedded") as serving:
            serve_s.append(serving.ready_s)
        with servers.moto_server() as (_, took_s):
            moto_s.append(took_s)
    helped_s, ready_s = statistics.median(help_s), statistics.median(serve_s)
    return [
        Row("`clickclaim --help`", "≤ 0.3 s", f"{helped_s:.2f} s", met=helped_s <= 0.3),
        Row(
            "`serve` ready, embedded broker included",
            "≤ 0.8 s",
            f"{ready_s:.2f} s (moto_server: {statistics.median(moto_s):.2f} s)",
            met=ready_s <= 0.8,
        ),
    ]


def _click(device_id: str) -> tuple[str, bytes]:
    """Topic and payload of a first click of this device."""
    device = ButtonDevice(device_id, ClickCounter(MemorySlot()), (MqttEncoder("default"),))
    (frame,) = device.say("SINGLE")
    return frame.channel, frame.payload


def _want(status: int, answer: tuple[int, bytes]) -> None:
    if answer[0] != status:
        raise AssertionError(f"{answer[0]} {answer[1][:300]!r}")
