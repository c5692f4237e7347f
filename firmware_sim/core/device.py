"""A whole button: contact level and elapsed time in, frames to send and time to sleep out."""

from firmware_sim.core.battery import RATED_CLICKS, remaining_life_bp
from firmware_sim.core.clicks import GAP_MS, LONG_MS, ClickDetector
from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.debounce import SETTLE_MS, Debouncer
from firmware_sim.core.wire.auth import sign
from firmware_sim.core.wire.bthome import encode_bthome, encode_bthome_encrypted
from firmware_sim.core.wire.click import ButtonClick
from firmware_sim.core.wire.mqtt import encode_json, events_topic
from firmware_sim.core.wire.sentence import encode_sentence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware_sim.core.wire.ccm import AesBlock

MQTT = "mqtt"
SERIAL = "serial"
BLE = "ble"


class Frame:
    """Bytes of one message and the link they are meant for.

    - ``link``: ``mqtt``, ``serial`` or ``ble``
    - ``channel``: the MQTT topic, else empty
    - ``payload``: the JSON, the sentence with its line end, or the BTHome service data
    - ``click``: what the bytes say
    """

    def __init__(self, link: str, channel: str, payload: bytes, click: ButtonClick) -> None:
        self.link = link
        self.channel = channel
        self.payload = payload
        self.click = click

    def __repr__(self) -> str:
        return f"Frame({self.link!r}, {self.channel!r}, {self.payload!r})"


class Encoder:
    """Says a click on one link."""

    def frame(self, click: ButtonClick, total: int) -> Frame:
        """The frame of this click, the ``total``-th of the button's life."""
        raise NotImplementedError


class MqttEncoder(Encoder):
    """JSON on the button's own topic; publish it at QoS 1, never retained."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def frame(self, click: ButtonClick, total: int) -> Frame:  # noqa: ARG002 - says its own number
        """The JSON and its topic."""
        topic = events_topic(self._namespace, click.device_id)
        return Frame(MQTT, topic, encode_json(click), click)


class SerialEncoder(Encoder):
    """One line of text."""

    def frame(self, click: ButtonClick, total: int) -> Frame:  # noqa: ARG002 - says its own number
        """The sentence with its line end."""
        return Frame(SERIAL, "", encode_sentence(click), click)


class BthomeEncoder(Encoder):
    """BTHome v2 service data; encrypted when the AES block function of the bind key is given.

    Packet id and encryption counter are the number of clicks ever: they go on after a restart,
    where the click counter begins again. Repeating an advertisement repeats the same bytes.
    """

    def __init__(self, mac: bytes, aes_block: "AesBlock | None" = None) -> None:
        self._mac = mac
        self._aes_block = aes_block

    def frame(self, click: ButtonClick, total: int) -> Frame:
        """The service data."""
        life_bp = click.remaining_life_bp
        battery_percent = None if life_bp is None else life_bp // 100
        packet_id = total & 0xFF
        if self._aes_block is None:
            payload = encode_bthome(click.click_type, packet_id, battery_percent)
        else:
            payload = encode_bthome_encrypted(
                click.click_type, packet_id, battery_percent, self._mac, total, self._aes_block
            )
        return Frame(BLE, "", payload, click)


class ButtonDevice:
    """One button, from its start until its power is cut: making one is a start.

    The caller samples the contact when it changes, or after ``idle_for_ms``, or simply often: the
    frames are the same, and clicks carry the same millisecond, however often it asks.
    """

    def __init__(
        self,
        device_id: str,
        counter: ClickCounter,
        encoders: "tuple[Encoder, ...]",
        *,
        key: bytes = b"",
        test_mode: bool = False,
        certificate_id: str | None = None,
        rated_clicks: int = RATED_CLICKS,
        settle_ms: int = SETTLE_MS,
        gap_ms: int = GAP_MS,
        long_ms: int = LONG_MS,
    ) -> None:
        self.device_id = device_id
        self.battery_mv: int | None = None
        """The cell's voltage, if the board measures it; the caller keeps it up to date."""
        self._counter = counter
        self._encoders = encoders
        self._key = key
        self._test_mode = test_mode
        self._certificate_id = certificate_id
        self._rated_clicks = rated_clicks
        self._debouncer = Debouncer(settle_ms)
        self._detector = ClickDetector(gap_ms, long_ms)
        counter.start()

    def step(self, closed: bool, elapsed_ms: int, now_ms: int | None = None) -> list[Frame]:
        """``elapsed_ms`` have passed at the level said last, and the contact now is ``closed``.

        Returns the frames to send now. ``now_ms`` is the device's own UTC clock, if it has one.
        """
        if elapsed_ms < 0:
            raise ValueError(f"elapsed_ms is {elapsed_ms}; time does not run backwards")
        frames: list[Frame] = []
        while elapsed_ms > 0:
            idle_ms = self.idle_for_ms()
            piece_ms = elapsed_ms if idle_ms is None else min(elapsed_ms, idle_ms)
            elapsed_ms -= piece_ms
            clicked = self._detector.advance(piece_ms)
            edge = self._debouncer.advance(piece_ms)
            if edge is not None:
                clicked = self._detector.feed(edge) or clicked
            if clicked is not None:
                frames += self.say(clicked, None if now_ms is None else now_ms - elapsed_ms)
        self._debouncer.feed(closed)
        return frames

    def idle_for_ms(self) -> int | None:
        """How long the board may sleep unless the contact changes; None = until it changes."""
        settle_ms = self._debouncer.idle_for_ms()
        click_ms = self._detector.idle_for_ms()
        if settle_ms is None or click_ms is None:
            return settle_ms if click_ms is None else click_ms
        return min(settle_ms, click_ms)

    def say(self, click_type: str, now_ms: int | None = None) -> list[Frame]:
        """Take the next number and return one frame for each encoder."""
        self._counter.next()
        click = sign(
            ButtonClick(
                self.device_id,
                self._counter.boot_id,
                self._counter.counter,
                click_type,
                remaining_life_bp=remaining_life_bp(
                    self._counter.total, self.battery_mv, self._rated_clicks
                ),
                test_mode=self._test_mode,
                reported_ms=now_ms,
                certificate_id=self._certificate_id,
            ),
            self._key,
        )
        return [encoder.frame(click, self._counter.total) for encoder in self._encoders]
