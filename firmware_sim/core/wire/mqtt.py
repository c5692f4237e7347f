"""A click as an MQTT message: where it is published, and its JSON, both directions."""

from firmware_sim.core.wire.click import ButtonClick, check_device_id
from firmware_sim.core.wire.errors import WireError
from firmware_sim.core.wire.json_text import read_object
from firmware_sim.core.wire.utc import parse_utc, utc_text

_PREFIX = "clickclaim/v1/"
EVENTS_FILTER = "clickclaim/v1/+/devices/+/events"

# The longest payload that we write has about 370 bytes. The rest is room for members of a later
# version, which are skipped; a longer payload is not one of ours and is not even read.
MAX_JSON_BYTES = 2048

# What the service accepts as a namespace: 1 to 63 of a-z 0-9 and -, no dash first.
MAX_NAMESPACE_CHARS = 63
_NAMESPACE_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-"

# Without these a click cannot be told from another one, or is not known to be real.
_REQUIRED = ("clickType", "testMode", "bootId", "counter")


def events_topic(namespace: str, device_id: str) -> str:
    """The topic on which a button publishes: ``clickclaim/v1/{namespace}/devices/{id}/events``."""
    return f"{_PREFIX}{_check_namespace(namespace)}/devices/{check_device_id(device_id)}/events"


def events_filter(namespace: str) -> str:
    """The subscription that hears every button of one namespace."""
    return f"{_PREFIX}{_check_namespace(namespace)}/devices/+/events"


def parse_topic(topic: str) -> tuple[str, str]:
    """Namespace and device id of an events topic. Raises WireError for any other topic."""
    levels = topic.split("/")
    if len(levels) != 6 or levels[0] != "clickclaim" or levels[1] != "v1":
        raise _wrong_topic(topic)
    if levels[3] != "devices" or levels[5] != "events":
        raise _wrong_topic(topic)
    return _check_namespace(levels[2]), check_device_id(levels[4])


def encode_json(click: ButtonClick) -> bytes:
    """The payload: one JSON object, members in a fixed order, ``null`` for what is not known."""
    life = "null" if click.remaining_life_bp is None else life_text(click.remaining_life_bp)
    time = "null" if click.reported_ms is None else f'"{utc_text(click.reported_ms)}"'
    certificate = "null" if click.certificate_id is None else f'"{click.certificate_id}"'
    test_mode = "true" if click.test_mode else "false"
    text = (
        f'{{"clickType":"{click.click_type}","reportedTime":{time},"remainingLife":{life},'
        f'"testMode":{test_mode},"certificateId":{certificate},'
        f'"bootId":{click.boot_id},"counter":{click.counter},"auth":"{click.auth}"}}'
    )
    return text.encode()


def decode_json(device_id: str, payload: bytes) -> ButtonClick:
    """The click in a payload; the device id comes from the topic. Raises WireError only.

    Members that are not ours are skipped. ``reportedTime``, ``remainingLife``, ``certificateId``
    and ``auth`` may be absent, null or (texts) empty.
    """
    if len(payload) > MAX_JSON_BYTES:
        raise WireError(
            "oversize",
            f"the payload has {len(payload)} bytes; a click has at most {MAX_JSON_BYTES}",
        )
    members = read_object(payload)
    for name in _REQUIRED:
        if name not in members:
            raise WireError("missing", f"the payload lacks {name}")
    # ButtonClick checks type and range of whatever it is handed.
    return ButtonClick(
        device_id,
        members["bootId"],  # type: ignore[arg-type]
        members["counter"],  # type: ignore[arg-type]
        members["clickType"],  # type: ignore[arg-type]
        remaining_life_bp=_life_bp(members.get("remainingLife")),
        test_mode=members["testMode"],  # type: ignore[arg-type]
        reported_ms=_reported_ms(members.get("reportedTime")),
        certificate_id=members.get("certificateId") or None,  # type: ignore[arg-type]
        auth=members.get("auth") or "",  # type: ignore[arg-type]
    )


def life_text(life_bp: int) -> str:
    """Percent with as many decimals as it needs: ``100``, ``99.8``, ``99.85``."""
    whole, hundredths = divmod(life_bp, 100)
    if hundredths == 0:
        return str(whole)
    if hundredths % 10 == 0:
        return f"{whole}.{hundredths // 10}"
    return f"{whole}.{hundredths:02d}"


def _life_bp(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WireError("type", f"remainingLife is {value!r}, not a number")
    if not 0 <= value <= 100:
        raise WireError("range", f"remainingLife is {value}; it must be 0 to 100")
    return int(value * 100 + 0.5)


def _reported_ms(value: object) -> int | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise WireError("type", f"reportedTime is {value!r}, not text")
    return parse_utc(value)


def _check_namespace(value: str) -> str:
    if not 1 <= len(value) <= MAX_NAMESPACE_CHARS or value[0] == "-":
        raise _wrong_namespace(value)
    if value.strip(_NAMESPACE_CHARS):
        raise _wrong_namespace(value)
    return value


def _wrong_namespace(value: str) -> WireError:
    return WireError(
        "range",
        f"namespace {value[:80]!r} is not 1 to {MAX_NAMESPACE_CHARS} of a-z 0-9 and -,"
        " beginning with a letter or digit",
    )


def _wrong_topic(topic: str) -> WireError:
    return WireError(
        "form", f"topic {topic[:160]!r} is not clickclaim/v1/NAMESPACE/devices/DEVICE/events"
    )
