"""Runs test vectors on the device core; the same file runs on CPython and on MicroPython."""

import binascii

from firmware_sim.core import wire
from firmware_sim.core.battery import remaining_life_bp
from firmware_sim.core.clicks import ClickDetector
from firmware_sim.core.counter import ClickCounter, Slot
from firmware_sim.core.debounce import Debouncer
from firmware_sim.core.device import BthomeEncoder, ButtonDevice, MqttEncoder, SerialEncoder


class MemorySlot(Slot):
    def __init__(self):
        self.places = [b"", b""]

    def read(self, place):
        return self.places[place]

    def write(self, place, record):
        self.places[place] = record


def run(vectors, aes_block_for):
    """{group: [result, ...]} for {group: [vector, ...]}; what was refused is {"refused": word}."""
    results = {}
    for group in vectors:
        results[group] = [_one(group, vector, aes_block_for) for vector in vectors[group]]
    return results


def _one(group, vector, aes_block_for):
    try:
        return _RUN[group](vector, aes_block_for)
    except wire.WireError as refusal:
        return {"refused": refusal.reason}


def _clicks(vector, _):
    """Time and type of each click of a contact trace, asking no oftener than the device says."""
    device = ButtonDevice("TRACE", ClickCounter(MemorySlot()), (SerialEncoder(),))
    out = []
    now_ms = 0
    for at_ms, closed in vector["levels"] + [[vector["end_ms"], None]]:
        level = device._debouncer._level
        while now_ms < at_ms:
            idle_ms = device.idle_for_ms()
            piece_ms = at_ms - now_ms if idle_ms is None else min(at_ms - now_ms, idle_ms)
            now_ms += piece_ms
            frames = device.step(level, piece_ms)
            out.extend([[now_ms, frame.click.click_type] for frame in frames])
        if closed is not None:
            device.step(bool(closed), 0)
    return out


def _edges(vector, _):
    debouncer = Debouncer(vector.get("settle_ms", 15))
    out = []
    now_ms = 0
    for at_ms, closed in vector["levels"] + [[vector["end_ms"], None]]:
        idle_ms = debouncer.idle_for_ms()
        edge = debouncer.advance(at_ms - now_ms)
        if edge:
            out.append([now_ms + idle_ms, edge])
        now_ms = at_ms
        if closed is not None:
            debouncer.feed(bool(closed))
    return out


def _detector(vector, _):
    detector = ClickDetector(vector["gap_ms"], vector["long_ms"])
    out = []
    now_ms = 0
    for at_ms, edge in vector["edges"]:
        idle_ms = detector.idle_for_ms()
        click = detector.advance(at_ms - now_ms)
        if click:
            out.append([now_ms + idle_ms, click])
        now_ms = at_ms
        click = detector.feed(edge)
        if click:
            out.append([now_ms, click])
    return out


def _say(vector, aes_block_for):
    """Payload of each encoder for the n-th click of a device's first boot."""
    mac = binascii.unhexlify(vector["mac"])
    aes_block = aes_block_for(vector["bind_key"]) if vector["bind_key"] else None
    counter = ClickCounter(MemorySlot())
    device = ButtonDevice(
        vector["device_id"],
        counter,
        (MqttEncoder(vector["namespace"]), SerialEncoder(), BthomeEncoder(mac, aes_block)),
        key=binascii.unhexlify(vector["key"]),
        test_mode=vector["test_mode"],
    )
    for _ in range(vector["nth"] - 1):
        device.say("SINGLE")
    frames = device.say(vector["click_type"], vector["now_ms"])
    return [[frame.link, frame.channel, _hex(frame.payload)] for frame in frames]


def _fields(click):
    return [
        click.device_id,
        click.boot_id,
        click.counter,
        click.click_type,
        click.remaining_life_bp,
        click.test_mode,
        click.reported_ms,
        click.certificate_id,
        click.auth,
    ]


def _payload(vector):
    if "hex" in vector:
        return binascii.unhexlify(vector["hex"])
    return (vector["text"] * vector.get("times", 1)).encode()


def _json(vector, _):
    click = wire.decode_json(vector.get("device_id", "DEVICE"), _payload(vector))
    out = {"fields": _fields(click), "again": wire.encode_json(click).decode()}
    if "key" in vector:
        out["verified"] = wire.verify(click, binascii.unhexlify(vector["key"]))
    return out


def _sentence(vector, _):
    click = wire.decode_sentence(_payload(vector))
    out = {"fields": _fields(click), "again": wire.encode_sentence(click).decode()}
    if "key" in vector:
        out["verified"] = wire.verify(click, binascii.unhexlify(vector["key"]))
    return out


def _stream(vector, _):
    """A serial stream in pieces: the counters that came through and the words of what did not."""
    reader = wire.SentenceReader()
    out = []
    for piece in vector["pieces"]:
        text, times = (piece, 1) if isinstance(piece, str) else piece
        for found in reader.feed((text * times).encode()):
            refused = isinstance(found, wire.WireError)
            out.append(found.reason if refused else found.counter)
    return out


def _topic(vector, _):
    return list(wire.parse_topic(vector["topic"]))


def _bthome(vector, aes_block_for):
    frame = wire.parse_bthome(binascii.unhexlify(vector["hex"]))
    body = frame.body
    if frame.encrypted:
        body = wire.open_bthome(
            frame, binascii.unhexlify(vector["mac"]), aes_block_for(vector["bind_key"])
        )
    said = wire.read_objects(body)
    return {
        "encryption_counter": frame.encryption_counter,
        "mac": None if frame.mac is None else _hex(frame.mac),
        "packet_id": said.packet_id,
        "battery_percent": said.battery_percent,
        "battery_mv": said.battery_mv,
        "buttons": list(said.buttons),
        "others": [[number, _hex(value)] for number, value in said.others],
        "stopped": said.stopped,
    }


def _ccm(vector, aes_block_for):
    aes_block = aes_block_for(vector["key"])
    nonce = binascii.unhexlify(vector["nonce"])
    plain = binascii.unhexlify(vector["plain"])
    aad = binascii.unhexlify(vector["aad"])
    sealed = wire.ccm_encrypt(aes_block, nonce, plain, vector["tag_bytes"], aad)
    opened = wire.ccm_decrypt(aes_block, nonce, sealed, vector["tag_bytes"], aad)
    return [_hex(sealed), opened == plain]


def _hmac(vector, _):
    key, message = binascii.unhexlify(vector["key"]), binascii.unhexlify(vector["message"])
    return _hex(wire.hmac_sha256(key, message))


def _crc(vector, _):
    return wire.crc16_ccitt_false(vector["text"].encode())


def _utc(vector, _):
    at_ms = wire.parse_utc(vector["text"])
    return [at_ms, wire.utc_text(at_ms)]


def _battery(vector, _):
    return remaining_life_bp(vector["clicks"], vector["battery_mv"])


def _slot(vector, _):
    """What both places hold after these operations, and the number that came last."""
    slot = MemorySlot()
    slot.places = [binascii.unhexlify(place) for place in vector["before"]]
    counter = ClickCounter(slot)
    for operation in vector["operations"]:
        counter.start() if operation == "start" else counter.next()
    numbers = [counter.boot_id, counter.counter, counter.total]
    return [[_hex(place) for place in slot.places], numbers]


def _hex(data):
    return binascii.hexlify(data).decode()


_RUN = {
    "clicks": _clicks,
    "edges": _edges,
    "detector": _detector,
    "say": _say,
    "json": _json,
    "sentence": _sentence,
    "stream": _stream,
    "topic": _topic,
    "bthome": _bthome,
    "ccm": _ccm,
    "hmac": _hmac,
    "crc": _crc,
    "utc": _utc,
    "battery": _battery,
    "slot": _slot,
}
