"""What is written on a command line for addresses, brokers, services and simulated buttons."""

from __future__ import annotations

import pytest

from hardware.source import SourceSpecError
from orchestrator.clocks import WallClock
from orchestrator.runtime.reach import ServiceUrlError, reach
from orchestrator.runtime.serving import AddressError, BrokerChoice, HttpAddress
from orchestrator.runtime.simulated import SimulatedSource, SimulatedSpec
from orchestrator.runtime.sources import open_ear


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080),
        ("localhost:0", "localhost", 0),
        (":80", "127.0.0.1", 80),
        ("[::1]:8080", "::1", 8080),
    ],
)
def test_an_address_to_serve_on(text, host, port):
    assert HttpAddress.parse(text) == HttpAddress(host, port)


@pytest.mark.parametrize("text", ["", "8080", "localhost", "localhost:", "h:x", "h:65536", "h:-1"])
def test_no_address_to_serve_on(text):
    with pytest.raises(AddressError, match="HOST:PORT"):
        HttpAddress.parse(text)


def test_which_broker():
    assert BrokerChoice.parse("embedded", "dev") == BrokerChoice(embedded_port=0)
    assert BrokerChoice.parse("embedded:1883", "demo") == BrokerChoice(embedded_port=1883)
    assert BrokerChoice.parse("none", "production") == BrokerChoice()
    url = "mqtts://user:secret@broker.example:8883/"
    assert BrokerChoice.parse(url, "production") == BrokerChoice(url=url)


@pytest.mark.parametrize("text", ["embedded", "embedded:1883"])
def test_production_takes_no_broker_that_forgets(text):
    with pytest.raises(AddressError, match="loses clicks"):
        BrokerChoice.parse(text, "production")


@pytest.mark.parametrize("text", ["", "embedded:x", "embedded:70000", "http://x", "mosquitto"])
def test_no_broker_at_all(text):
    with pytest.raises(AddressError):
        BrokerChoice.parse(text, "dev")


@pytest.mark.parametrize("text", ["", "localhost:8080", "ftp://h", "http://", "http://h:0", "x"])
async def test_no_service(text, tmp_path):
    with pytest.raises(ServiceUrlError):
        async with reach(text, data=tmp_path):
            pass


def test_a_simulated_button():
    assert SimulatedSpec.parse("sim:").click_type == "SINGLE"
    spec = SimulatedSpec.parse("sim:?click=double&after=2.5")
    assert (spec.click_type, spec.after_ms) == ("DOUBLE", 2_500)


@pytest.mark.parametrize(
    "spec",
    ["sim:x", "sim:?click=TRIPLE", "sim:?after=x", "sim:?after=-1", "sim:?after=901", "sim:?x=1"],
)
def test_no_simulated_button(spec):
    with pytest.raises(SourceSpecError) as raised:
        SimulatedSpec.parse(spec)
    assert raised.value.remedy


async def test_a_simulated_press_is_marked_and_numbered(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    source = open_ear("sim:", clock=WallClock(), simulate=("default", "A1"))
    assert isinstance(source, SimulatedSource)
    await source.open()
    await source.press()
    await source.press()
    first, second = await source.read(), await source.read()
    assert (first.simulated, first.direct) == (True, False)
    assert first.channel == "clickclaim/v1/default/devices/A1/events"
    assert first.payload != second.payload
    await source.close()


@pytest.mark.parametrize("spec", ["sim:", "nonsense:", "nonsense", "memory"])
def test_what_nobody_can_open_here(spec):
    with pytest.raises(SourceSpecError):
        open_ear(spec, clock=WallClock())
