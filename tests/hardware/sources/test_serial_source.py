"""The serial source on real pseudo terminals."""

import asyncio
import fcntl
import grp  # noqa: F401 - loaded while we may still read it: see no_rights
import logging
import os
import pwd  # noqa: F401
import socket
import threading

import pytest

from hardware.source import SourceAwayError, SourceRefusedError, SourceSpecError
from hardware.sources import open_source
from hardware.sources.serial import MAX_LINE_BYTES, SerialSource

NOBODY = 65534


@pytest.fixture
async def opened():
    """Opens sources, and closes them afterwards."""
    sources = []

    async def open_it(source):
        sources.append(source)
        await source.open()
        return source

    yield open_it
    for source in sources:
        await source.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("serial ")]


class Machine:
    """The ports of a machine, and how often somebody looked at them."""

    def __init__(self):
        self.ports = []
        self._loop = asyncio.get_running_loop()
        self._looks = asyncio.Queue()

    def comports(self):
        self._loop.call_soon_threadsafe(self._looks.put_nowait, None)
        return list(self.ports)

    async def was_looked_at(self, times):
        while not self._looks.empty():
            self._looks.get_nowait()
        for _ in range(times):
            await asyncio.wait_for(self._looks.get(), 30)


@pytest.fixture
async def machine():
    return Machine()


@pytest.fixture
def source_of(clock, machine):
    """A source for a simulated port of the machine."""

    def build(link, **options):
        options = {"poll_s": 0.01, "permission_grace_s": 0.0, **options}
        spec = link if isinstance(link, str) else f"serial:{link.path}"
        return SerialSource(spec, now_ms=clock.now_ms, comports=machine.comports, **options)

    return build


async def test_a_line_becomes_a_frame(link, source_of, opened, clock):
    source = await opened(source_of(link))
    link.write(b"$CLK,1*00\r\n")
    frame = await source.read()
    assert frame.payload == b"$CLK,1*00"
    assert (frame.transport, frame.source) == ("serial", f"serial:{link.path}")
    assert (frame.address, frame.heard_ms) == (str(link.path), clock.time_ms)
    assert frame.direct is False  # a pseudo terminal is a program, not hardware


async def test_the_registry_opens_it(link, clock, opened):
    source = open_source(f"serial:{link.path}?baud=9600", clock=clock, comports=list)
    await opened(source)
    link.write(b"hello\n")
    assert (await source.read()).payload == b"hello"


async def test_a_usb_board_gives_its_serial_number_and_name(
    link, machine, source_of, opened, port_info
):
    machine.ports = [port_info(str(link.path))]
    source = await opened(source_of("serial:usb=2e8a:0005:E6614103E7"))
    link.write(b"x\n")
    frame = await source.read()
    assert (frame.address, frame.name) == ("E6614103E7", "Board in FS mode")
    assert frame.direct is True


async def test_many_lines_keep_their_order(link, source_of, opened):
    source = await opened(source_of(link))
    for number in range(200):
        while not link.write(b"%d\n" % number):
            await asyncio.sleep(0.001)
    assert [int((await source.read()).payload) for _ in range(200)] == list(range(200))


async def test_the_longest_line_is_heard_and_one_byte_more_is_not(link, source_of, opened):
    source = await opened(source_of(link))
    link.write(b"y" * (MAX_LINE_BYTES + 1) + b"\r\n" + b"x" * MAX_LINE_BYTES + b"\r\n")
    assert (await source.read()).payload == b"x" * MAX_LINE_BYTES


async def test_a_cancelled_read_loses_no_frame(link, source_of, opened):
    source = await opened(source_of(link))
    waiting = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    waiting.cancel()
    link.write(b"kept\n")
    assert (await source.read()).payload == b"kept"


async def test_what_was_heard_before_the_unplug_is_still_read(link, source_of, opened):
    source = await opened(source_of(link))
    link.write(b"last words\n")
    assert (await source.read()).payload == b"last words"
    link.unplug()
    with pytest.raises(SourceAwayError, match=r"unplugged .*; plug the button in again"):
        await source.read()


async def test_a_replug_wakes_and_the_port_opens_again(link, machine, source_of, opened):
    source = await opened(source_of(link))
    link.unplug()
    with pytest.raises(SourceAwayError):
        await source.read()
    await source.close()
    waking = asyncio.create_task(source.wait_for_wake())
    await machine.was_looked_at(3)
    assert not waking.done()
    link.plug()
    await asyncio.wait_for(waking, 30)
    await source.open()
    link.write(b"again\n")
    assert (await source.read()).payload == b"again"


async def test_a_replug_between_two_looks_wakes_too(link, source_of, opened):
    source = await opened(source_of(link, poll_s=60))
    link.unplug()
    link.plug()
    with pytest.raises(SourceAwayError):
        await source.read()
    await source.close()
    await asyncio.wait_for(source.wait_for_wake(), 30)
    await source.open()
    link.write(b"again\n")
    assert (await source.read()).payload == b"again"


async def test_a_port_that_was_never_away_does_not_wake(link, machine, source_of, opened):
    """Opened again at once it would break again at once: it has to wait its time."""
    source = await opened(source_of(link))
    await source.close()
    waking = asyncio.create_task(source.wait_for_wake())
    await machine.was_looked_at(3)
    assert not waking.done()
    waking.cancel()


async def test_a_port_that_is_busy_after_a_replug_has_woken_once(link, machine, source_of, opened):
    source = await opened(source_of(link))
    await source.close()
    link.unplug()
    with pytest.raises(SourceAwayError):
        await source.open()
    link.plug()
    other = await opened(source_of(link))
    with pytest.raises(SourceAwayError, match="is busy"):
        await source.open()
    waking = asyncio.create_task(source.wait_for_wake())
    await machine.was_looked_at(3)
    assert not waking.done()
    waking.cancel()
    await other.close()


async def test_a_board_is_found_at_another_path_after_a_replug(
    link, machine, source_of, opened, port_info, tmp_path
):
    machine.ports = [port_info(str(link.path))]
    source = await opened(source_of(link))
    link.unplug()
    machine.ports = []
    with pytest.raises(SourceAwayError):
        await source.read()
    await source.close()
    waking = asyncio.create_task(source.wait_for_wake())
    await machine.was_looked_at(2)
    link.path = tmp_path / "ttyACM1"
    link.plug()
    machine.ports = [port_info(str(link.path), location="1-2")]
    await asyncio.wait_for(waking, 30)
    await source.open()
    link.write(b"same board\n")
    frame = await source.read()
    assert (frame.payload, frame.address) == (b"same board", "E6614103E7")


async def test_noise_is_said_once_and_no_frame(link, source_of, opened, caplog):
    notices = []
    source = await opened(source_of(link, on_notice=notices.append))
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            link.write(bytes(range(128, 160)) * 3 + b"\n")
        link.write(b"at last\n")
        assert (await source.read()).payload == b"at last"
    assert len(notices) == 1
    assert "noise: wrong baud rate? It is 115200 now" in notices[0]
    assert len([record for record in caplog.records if "noise" in record.message]) == 1


async def test_a_megabyte_without_a_newline_passes_by(link, source_of, opened):
    notices = []
    source = await opened(source_of(link, on_notice=notices.append))
    sent = 0
    while sent < 1_000_000:
        sent += 4000 if link.write(b"A" * 4000) else 0
        await asyncio.sleep(0)
    while not link.write(b"\n$CLK,1\n"):
        await asyncio.sleep(0.001)
    assert (await source.read()).payload == b"$CLK,1"
    assert len(notices) == 1


async def test_a_port_that_does_not_exist_is_away(source_of, tmp_path):
    with pytest.raises(SourceAwayError, match=r"there is no port .*/ttyACM9; plug the button in"):
        await source_of(f"serial:{tmp_path}/ttyACM9").open()


async def test_a_port_that_appears_after_a_failed_open_wakes_at_once(link, source_of):
    link.unplug()
    source = source_of(link, poll_s=60)
    with pytest.raises(SourceAwayError):
        await source.open()
    link.plug()
    await asyncio.wait_for(source.wait_for_wake(), 30)


async def test_a_file_is_no_port(source_of, tmp_path):
    (tmp_path / "notes").touch()
    with pytest.raises(SourceRefusedError, match="is not a serial port"):
        await source_of(f"serial:{tmp_path}/notes").open()


async def test_a_port_in_use_is_busy(link, source_of):
    other = os.open(link.path, os.O_RDWR | os.O_NOCTTY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(SourceAwayError, match="is busy; close the program"):
            await source_of(link).open()
    finally:
        os.close(other)


async def test_a_second_source_on_the_same_port_is_refused_by_the_first(link, source_of, opened):
    await opened(source_of(link))
    with pytest.raises(SourceAwayError, match="is busy"):
        await source_of(link).open()


@pytest.fixture
async def no_rights(link, source_of):
    """The port, seen by somebody who may not open it."""
    # Whoever that is may not read our packages either: load all that is loaded on first use.
    as_ourselves = source_of(link)
    await as_ourselves.open()
    await as_ourselves.close()
    node = link.path.resolve()
    link.path.parent.chmod(0o755)
    if os.geteuid() == 0:
        node.chmod(0o620)
        for parent in list(link.path.parents)[:3]:
            parent.chmod(0o755)
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        yield node
        os.seteuid(0)
        os.setegid(0)
    else:
        node.chmod(0o000)
        yield node


async def test_a_forbidden_port_is_refused_with_the_remedy(no_rights, source_of):
    with pytest.raises(SourceRefusedError, match=r"permission to open \S+ denied; .*(group|udev)"):
        await source_of(f"serial:{no_rights}").open()


async def test_a_fresh_node_that_udev_has_not_handed_over_yet_is_tried_again(
    link, no_rights, source_of, opened
):
    source = source_of(f"serial:{no_rights}", permission_grace_s=5)
    opening = asyncio.create_task(opened(source))
    await asyncio.sleep(0.05)
    assert not opening.done()
    if os.geteuid() == NOBODY:
        os.seteuid(0)
    else:
        no_rights.chmod(0o600)
    await asyncio.wait_for(opening, 30)


async def test_without_pyserial_the_remedy_is_the_extra(source_of, monkeypatch, link):
    monkeypatch.setitem(__import__("sys").modules, "serial", None)
    with pytest.raises(SourceRefusedError, match=r"pip install 'clickclaim\[serial\]'"):
        await source_of(link).open()


async def test_an_unknown_url_handler_is_a_wrong_spec(source_of):
    with pytest.raises(SourceSpecError, match="protocol 'teleport' not known"):
        await source_of("serial:teleport://x").open()


async def test_a_socket_url_is_heard_but_not_directly(source_of, opened):
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = source_of(f"serial:socket://127.0.0.1:{server.getsockname()[1]}")
        await opened(source)
        peer, _ = server.accept()
        peer.sendall(b"from afar\n")
        frame = await source.read()
        assert (frame.payload, frame.direct) == (b"from afar", False)
        peer.close()
        with pytest.raises(SourceAwayError, match="the connection ended"):
            await source.read()


async def test_a_socket_that_nobody_serves_is_away(source_of):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceAwayError, match="refused"):
        await source_of(f"serial:socket://127.0.0.1:{port}").open()


async def test_closing_twice_and_reading_closed(link, source_of):
    source = source_of(link)
    await source.open()
    await source.close()
    await source.close()
    with pytest.raises(SourceAwayError, match="is not open"):
        await source.read()
