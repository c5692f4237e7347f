"""The whole button: contact into the core, frames to the links, sleep when nothing is left."""

from time import sleep_ms, ticks_add, ticks_diff, ticks_ms

from common import console
from common.slot import FileSlot
from firmware_sim.core.counter import ClickCounter
from firmware_sim.core.device import (
    BLE,
    MQTT,
    SERIAL,
    BthomeEncoder,
    ButtonDevice,
    MqttEncoder,
    SerialEncoder,
)
from firmware_sim.core.wire.mqtt import events_topic

# The contact's times come from its interrupt, so this only bounds how late an answer is read.
TURN_MS = 10

BATTERY_EVERY_MS = 60_000

# Somebody who has just pressed often presses again, and starting the chip takes longer than a tap.
AWAKE_MS = 3_000
# After power on or reset a person at the bench wants to reach the board through USB.
AWAKE_AT_FIRST_MS = 30_000
# A contact that stays closed is jammed, not held. The chip then sleeps until it opens.
JAMMED_MS = 60_000


class Button:
    """One button on one board, from its start to its sleep or its power cut."""

    def __init__(self, board: "Board", config: "Config", contact: "Contact", woken: bool) -> None:
        self._board = board
        self._config = config
        self._contact = contact
        self._wifi_link = None
        self._advertiser = None
        encoders = []
        if config.serial:
            encoders.append(SerialEncoder())
        if config.mqtt:
            events_topic(config.namespace, config.device_id)  # refuses a wrong name before a click
            encoders.append(MqttEncoder(config.namespace))
        if config.ble:
            encoders.append(self._start_ble(woken))
        counter = ClickCounter(FileSlot())
        self._device = ButtonDevice(
            config.device_id,
            counter,
            tuple(encoders),
            key=config.key,
            test_mode=config.test_mode,
            rated_clicks=config.rated_clicks,
        )
        if config.mqtt:
            self._start_mqtt()
        now_ms = ticks_ms()
        self._measured_ms = None
        self._active_ms = now_ms
        self._awake_until_ms = ticks_add(now_ms, AWAKE_MS if woken else AWAKE_AT_FIRST_MS)
        if not woken:
            console.remark(f"clickclaim {board.NAME} {config.device_id} boot {counter.boot_id}")

    def run(self) -> None:
        """For ever; on a board that sleeps, until it does."""
        while True:
            self.turn()
            idle_ms = self._device.idle_for_ms()
            sleep_ms(TURN_MS if idle_ms is None else max(1, min(TURN_MS, idle_ms)))

    def turn(self) -> None:
        """Look at everything once."""
        now_ms = ticks_ms()
        for elapsed_ms, closed in self._contact.take():
            for frame in self._device.step(closed, elapsed_ms):
                self._send(frame, now_ms)
        calm = self._device.idle_for_ms() is None
        if not calm:
            self._active_ms = now_ms
        if calm:
            self._measure(now_ms)
        if self._wifi_link is not None:
            self._wifi_link.poll(now_ms, calm)
        if self._advertiser is not None:
            self._advertiser.poll(now_ms)
        if calm and self._may_sleep(now_ms):
            self._sleep()

    def _start_ble(self, woken: bool) -> BthomeEncoder:
        from bluetooth import BLE as Radio

        from common.ble import Advertiser

        self._advertiser = Advertiser(
            Radio(), self._config.device_id, self._board.ADVERTISE_INTERVAL_US
        )
        mac = self._advertiser.address()
        if not woken:
            console.remark("ble: " + ":".join([f"{byte:02X}" for byte in mac]))
        if not self._config.ble_key:
            return BthomeEncoder(mac)
        from common.aes import aes_block

        return BthomeEncoder(mac, aes_block(self._config.ble_key))

    def _start_mqtt(self) -> None:
        import network

        from common.mqtt import MqttLink
        from common.wifi import Wifi

        config = self._config
        wifi = Wifi(network.WLAN(network.STA_IF), *config.wifi, console.remark)
        client_id = f"clickclaim-{config.device_id}"
        self._wifi_link = MqttLink(wifi, config.mqtt, client_id, config.keep_ms, console.remark)

    def _send(self, frame: "Frame", now_ms: int) -> None:
        awake_until_ms = ticks_add(now_ms, AWAKE_MS)
        if ticks_diff(awake_until_ms, self._awake_until_ms) > 0:
            self._awake_until_ms = awake_until_ms
        if frame.link == SERIAL:
            console.write(frame.payload)
        elif frame.link == MQTT:
            self._wifi_link.publish(frame.channel, frame.payload, now_ms)
        elif frame.link == BLE:
            self._advertiser.advertise(frame.payload, now_ms)

    def _measure(self, now_ms: int) -> None:
        pin = self._config.battery_pin
        if pin is None:
            return
        if self._measured_ms is None or ticks_diff(now_ms, self._measured_ms) >= BATTERY_EVERY_MS:
            self._measured_ms = now_ms
            self._device.battery_mv = int(self._board.pin_mv(pin) * self._config.battery_ratio)

    def _may_sleep(self, now_ms: int) -> bool:
        if not (self._config.deep_sleep and self._board.CAN_SLEEP):
            return False
        if ticks_diff(now_ms, self._awake_until_ms) < 0:
            return False
        if self._contact.closed() and ticks_diff(now_ms, self._active_ms) < JAMMED_MS:
            return False
        if self._wifi_link is not None and not self._wifi_link.idle():
            return False
        return self._advertiser is None or self._advertiser.idle()

    def _sleep(self) -> None:
        if self._wifi_link is not None:
            self._wifi_link.close()
        if self._advertiser is not None:
            self._advertiser.close()
        self._board.deep_sleep(self._contact.pin, self._contact.closed())
