"""Noise on a serial line, told from text."""

from hardware.sources.noise import NOISE_BYTES, NoiseWatch


def test_text_is_no_noise_even_with_a_spoiled_byte():
    watch = NoiseWatch()
    assert not watch.is_noise(b"$CLK,G030PM,1,\x82,SINGLE")
    assert watch.is_noise(b"\xf8\x00\xfe\x80ab")


def test_noise_is_said_once():
    watch = NoiseWatch()
    watch.heard_noise(NOISE_BYTES - 1)
    assert not watch.say()
    watch.heard_noise(1)
    assert watch.say()
    watch.heard_noise(10_000)
    assert not watch.say()


def test_a_board_that_boots_noisily_and_then_talks_is_not_called_noise():
    watch = NoiseWatch()
    for _ in range(5):
        watch.heard_noise(NOISE_BYTES - 1)
        assert not watch.is_noise(b"MicroPython v1.27.0")
        assert not watch.say()
