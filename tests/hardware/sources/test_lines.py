"""Lines out of bytes: bounded, and found again after noise."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.sources.lines import MAX_LINE_BYTES, NOISE_BYTES, LineSplitter, NoiseWatch


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_ends_at_the_newline(end):
    assert LineSplitter().feed(b"one" + end + b"two" + end + b"thr") == [b"one", b"two"]


def test_a_line_may_come_in_pieces():
    splitter = LineSplitter()
    assert splitter.feed(b"$CL") == []
    assert splitter.feed(b"K,1\r") == []
    assert splitter.feed(b"\n\n$") == [b"$CLK,1"]


def test_the_longest_line_passes_and_one_byte_more_is_dropped():
    assert LineSplitter().feed(b"x" * MAX_LINE_BYTES + b"\r\n") == [b"x" * MAX_LINE_BYTES]
    splitter = LineSplitter()
    assert splitter.feed(b"x" * (MAX_LINE_BYTES + 2) + b"\nnext\n") == [b"next"]
    assert splitter.dropped_bytes == MAX_LINE_BYTES + 2


def test_a_megabyte_without_a_newline_is_not_kept():
    splitter = LineSplitter()
    for _ in range(1024):
        assert splitter.feed(b"\xaa" * 1024) == []
        assert len(splitter._held) <= MAX_LINE_BYTES + 1
    assert splitter.feed(b"\n$CLK,1\n") == [b"$CLK,1"]
    assert splitter.dropped_bytes == 1024 * 1024


LINES = st.lists(
    st.binary(min_size=1, max_size=MAX_LINE_BYTES).filter(
        lambda line: b"\n" not in line and b"\r" not in line
    )
)


@given(LINES, st.data())
def test_however_the_bytes_are_cut_the_lines_are_the_same(lines, data):
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    splitter, heard = LineSplitter(), []
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        heard += splitter.feed(stream[start:stop])
    assert heard == lines


@given(st.binary(max_size=2000))
def test_after_any_noise_the_next_line_is_whole(noise):
    splitter = LineSplitter()
    splitter.feed(noise)
    splitter.feed(b"\n")
    assert splitter.feed(b"$CLK,1*0000\n") == [b"$CLK,1*0000"]


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
