"""A broker that is not there, not willing, or not what it seems: which error, and what to do."""

from __future__ import annotations

import asyncio
import logging
import shutil
import subprocess

import pytest

from hardware.source import SourceAwayError, SourceRefusedError
from orchestrator.broker import EmbeddedBroker
from tests.brokers import Mosquitto, free_port, publish
from tests.certificates import Authority

TOPIC = "clickclaim/v1/default/devices/B1/events"
SESSION = "clickclaimtest03"


class Silent:
    """A server that takes every connection and says nothing."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.ended = asyncio.Event()

    async def meet(self, reader, writer):
        while await reader.read(100):
            self.asked.set()
        self.ended.set()
        writer.close()


@pytest.fixture
async def silent():
    silent = Silent()
    server = await asyncio.start_server(silent.meet, "127.0.0.1", 0)
    silent.url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    yield silent
    server.close()
    await server.wait_closed()


async def test_nobody_listens(source_of):
    port = free_port()
    with pytest.raises(SourceAwayError, match=f"nobody listens on 127.0.0.1:{port}") as error:
        await source_of(f"mqtt://127.0.0.1:{port}/").open()
    assert "start the broker" in error.value.remedy


async def test_no_host_of_that_name(source_of):
    with pytest.raises(SourceAwayError, match="no host is called no-such-host"):
        await source_of("mqtt://no-such-host.invalid/").open()


async def test_a_server_that_says_nothing_is_given_up_after_the_timeout(silent, source_of):
    source = source_of(silent.url, timeout_s=0.5)
    with pytest.raises(SourceAwayError, match="takes the connection and says nothing") as error:
        await source.open()
    assert "mqtts://" in error.value.remedy
    assert silent.asked.is_set()
    async with asyncio.timeout(30):
        await silent.ended.wait()  # and no connection is left behind


async def test_opening_may_be_cancelled_and_leaves_no_connection_behind(silent, source_of):
    source = source_of(silent.url, timeout_s=0.5)
    opening = asyncio.create_task(source.open())
    async with asyncio.timeout(30):
        await silent.asked.wait()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        assert opening.cancelled()
        await silent.ended.wait()


async def test_mqtt_5_is_too_new_for_the_embedded_broker(source_of):
    embedded = EmbeddedBroker()
    port = await embedded.start()
    source = source_of(f"mqtt://127.0.0.1:{port}/?version=5", timeout_s=0.3)
    with pytest.raises((SourceAwayError, SourceRefusedError)) as error:
        await source.open()
    assert "leave out version=5" in error.value.remedy
    await source.close()
    await embedded.stop()


@pytest.mark.mosquitto
@pytest.mark.parametrize("version", ["3.1.1", "5"])
async def test_a_refused_login_shows_the_user_and_not_the_password(tmp_path, source_of, version):
    passwords = tmp_path / "passwords"
    program = shutil.which("mosquitto_passwd")
    assert program, "no mosquitto_passwd here: apt-get install mosquitto"
    subprocess.run([program, "-c", "-b", passwords, "ann", "right"], check=True)
    extra = f"allow_anonymous false\npassword_file {passwords}"
    async with Mosquitto(tmp_path / "broker", extra=extra) as broker:
        where = f"127.0.0.1:{broker.port}/?version={version}"
        with pytest.raises(SourceRefusedError, match="the broker refuses user 'ann'") as error:
            await source_of(f"mqtt://ann:wrong@{where}").open()
        assert "wrong" not in str(error.value)
        with pytest.raises(SourceRefusedError, match="a client without a user name"):
            await source_of(f"mqtt://{where}").open()
        await source_of(f"mqtt://ann:right@{where}", client_id=SESSION).open()


@pytest.mark.mosquitto
async def test_a_marker_that_may_not_come_back_is_told_with_what_to_allow(tmp_path, source_of):
    access = tmp_path / "access"
    access.write_text("topic readwrite clickclaim/v1/+/devices/+/events\n")
    extra = f"allow_anonymous true\nacl_file {access}"
    async with Mosquitto(tmp_path / "broker", extra=extra) as broker:
        source = source_of(broker.url, client_id=SESSION, timeout_s=1.5)
        await source.open()
        with pytest.raises(SourceRefusedError, match="does not come back") as error:
            await source.read()
        assert "clickclaim/v1/service/#" in error.value.remedy
        await source.close()


@pytest.mark.mosquitto
async def test_tls_with_a_client_certificate(tmp_path, source_of):
    ours = Authority(tmp_path / "ours", "ours")
    cert, key = ours.issue("broker")
    my_cert, my_key = ours.issue("station")
    listener = f"cafile {ours.file}\ncertfile {cert}\nkeyfile {key}"
    async with Mosquitto(tmp_path / "broker", listener=listener) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}/"
        await source_of(f"{url}?ca={ours.file}&cert={my_cert}&key={my_key}").open()

        with pytest.raises(SourceRefusedError, match="cannot be trusted") as error:
            await source_of(url).open()
        assert "ca=FILE" in error.value.remedy

        theirs = Authority(tmp_path / "theirs", "theirs")
        with pytest.raises(SourceRefusedError, match="cannot be trusted"):
            await source_of(f"{url}?ca={theirs.file}").open()

        with pytest.raises(SourceRefusedError, match=r"cannot use .*missing\.pem"):
            await source_of(f"{url}?ca={tmp_path}/missing.pem").open()

        with pytest.raises(SourceRefusedError, match="cannot use"):
            await source_of(f"{url}?ca={ours.file}&cert={my_cert}&key={key}").open()


@pytest.mark.mosquitto
async def test_a_broker_that_wants_a_certificate_and_gets_none(tmp_path, source_of):
    ours = Authority(tmp_path / "ours", "ours")
    cert, key = ours.issue("broker")
    listener = f"cafile {ours.file}\ncertfile {cert}\nkeyfile {key}\nrequire_certificate true"
    async with Mosquitto(tmp_path / "broker", listener=listener) as broker:
        source = source_of(f"mqtts://127.0.0.1:{broker.port}/?ca={ours.file}", timeout_s=2)
        with pytest.raises((SourceRefusedError, SourceAwayError)) as error:
            await source.open()
        assert "cert=FILE" in error.value.remedy


@pytest.mark.mosquitto
async def test_tls_spoken_to_a_port_without_it(mosquitto, source_of):
    with pytest.raises((SourceRefusedError, SourceAwayError)) as error:
        await source_of(f"mqtts://127.0.0.1:{mosquitto.port}/", timeout_s=5).open()
    assert "TLS" in str(error.value) or "mqtt://" in error.value.remedy


@pytest.mark.mosquitto
async def test_no_tls_spoken_to_a_port_with_it(tmp_path, source_of):
    ours = Authority(tmp_path / "ours", "ours")
    cert, key = ours.issue("broker")
    listener = f"cafile {ours.file}\ncertfile {cert}\nkeyfile {key}"
    async with Mosquitto(tmp_path / "broker", listener=listener) as broker:
        source = source_of(broker.url, timeout_s=1)
        with pytest.raises(SourceAwayError) as error:
            await source.open()
        assert "mqtts://" in error.value.remedy


@pytest.mark.mosquitto
async def test_a_failed_opening_leaves_no_trace_in_the_log(tmp_path, source_of, caplog):
    caplog.set_level(logging.WARNING)
    source = source_of(f"mqtt://127.0.0.1:{free_port()}/", client_id=SESSION)
    for _ in range(3):
        with pytest.raises(SourceAwayError):
            await source.open()
        await source.close()
    assert caplog.records == []


@pytest.mark.mosquitto
async def test_qos_1_is_asked_for_and_a_lesser_grant_is_told(mosquitto, source_of):
    notices = []
    source = source_of(mosquitto.url, client_id=SESSION, on_notice=notices.append)
    await source.open()
    await publish(mosquitto.port, TOPIC, b"click", qos=1)
    assert (await source.read()).payload == b"click"
    assert notices == []
