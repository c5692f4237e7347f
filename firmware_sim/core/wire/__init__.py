"""A click to bytes and back: MQTT JSON, serial sentence, BTHome v2 plain and encrypted."""

from firmware_sim.core.clicks import CLICK_TYPES, DOUBLE, LONG, SINGLE
from firmware_sim.core.wire.auth import auth_for, hmac_sha256, sign, verify
from firmware_sim.core.wire.bthome import (
    BTHOME_UUID16,
    MAX_BTHOME_BYTES,
    BthomeFrame,
    BthomeObjects,
    encode_bthome,
    encode_bthome_encrypted,
    open_bthome,
    parse_bthome,
    read_objects,
)
from firmware_sim.core.wire.ccm import ccm_decrypt, ccm_encrypt
from firmware_sim.core.wire.click import U32_MAX, ButtonClick
from firmware_sim.core.wire.errors import WireError
from firmware_sim.core.wire.mqtt import (
    EVENTS_FILTER,
    MAX_JSON_BYTES,
    decode_json,
    encode_json,
    events_filter,
    events_topic,
    parse_topic,
)
from firmware_sim.core.wire.sentence import (
    MAX_SENTENCE_BYTES,
    LineReader,
    SentenceReader,
    crc16_ccitt_false,
    decode_sentence,
    encode_sentence,
)
from firmware_sim.core.wire.utc import parse_utc, utc_text

__all__ = [
    "BTHOME_UUID16",
    "CLICK_TYPES",
    "DOUBLE",
    "EVENTS_FILTER",
    "LONG",
    "MAX_BTHOME_BYTES",
    "MAX_JSON_BYTES",
    "MAX_SENTENCE_BYTES",
    "SINGLE",
    "U32_MAX",
    "BthomeFrame",
    "BthomeObjects",
    "ButtonClick",
    "LineReader",
    "SentenceReader",
    "WireError",
    "auth_for",
    "ccm_decrypt",
    "ccm_encrypt",
    "crc16_ccitt_false",
    "decode_json",
    "decode_sentence",
    "encode_bthome",
    "encode_bthome_encrypted",
    "encode_json",
    "encode_sentence",
    "events_filter",
    "events_topic",
    "hmac_sha256",
    "open_bthome",
    "parse_bthome",
    "parse_topic",
    "parse_utc",
    "read_objects",
    "sign",
    "utc_text",
    "verify",
]
