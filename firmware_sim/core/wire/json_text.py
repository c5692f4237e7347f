"""A strict JSON reader that behaves the same on the chip and on the host.

The interpreters' own readers differ: one takes NaN, another takes a comma too many, both take a
member twice. A claim must not depend on which of them read the click.
"""

from firmware_sim.core.wire.errors import WireError

# A click is one flat object. Members we do not know may nest a little; the reader calls itself, so
# the depth bounds the chip's stack.
MAX_DEPTH = 4

# The longest number a click can hold has 10 digits; a float printed in full has at most 25.
_MAX_NUMBER_CHARS = 32

_SPACE = b" \t\n\r"
_NUMBER = b"+-.0123456789eE"
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
_WORDS = {0x74: (b"true", True), 0x66: (b"false", False), 0x6E: (b"null", None)}

_QUOTE, _COMMA, _COLON, _BACKSLASH = 0x22, 0x2C, 0x3A, 0x5C
_BRACE, _BRACE_END, _BRACKET, _BRACKET_END = 0x7B, 0x7D, 0x5B, 0x5D


def read_object(payload: bytes) -> dict[str, object]:
    """The members of a JSON object; values are str, int, float, bool, None, list, dict.

    Raises WireError (``form``) for anything else, a member given twice included.
    """
    # A zero stands in no JSON, so reading the byte at any place ends there at the latest.
    data = payload + b"\0"
    value, at = _value(data, 0, 0)
    if not isinstance(value, dict):
        raise WireError("form", "the payload is JSON but no object; send one in braces")
    if _skip(data, at) != len(payload):
        raise _wrong(data, at)
    return value


def _value(data: bytes, at: int, depth: int) -> tuple[object, int]:
    while data[at] in _SPACE:  # as _skip does, without the call: a click has a dozen values
        at += 1
    head = data[at]
    if head == _QUOTE:
        return _string(data, at)
    if head in (_BRACE, _BRACKET):
        if depth == MAX_DEPTH:
            raise WireError("form", f"the JSON nests deeper than {MAX_DEPTH}")
        return _members(data, at, depth) if head == _BRACE else _items(data, at, depth)
    if head not in _WORDS:
        return _number(data, at)
    word, value = _WORDS[head]
    if data[at : at + len(word)] != word:
        raise _wrong(data, at)
    return value, at + len(word)


def _members(data: bytes, at: int, depth: int) -> tuple[dict[str, object], int]:
    members: dict[str, object] = {}
    at = _skip(data, at + 1)
    if data[at] == _BRACE_END:
        return members, at + 1
    while True:
        name, at = _string(data, at)
        if name in members:
            raise WireError("form", f"the member {name!r} is given twice")
        at = _skip(data, at)
        if data[at] != _COLON:
            raise _wrong(data, at)
        members[name], at = _value(data, at + 1, depth + 1)
        at = _skip(data, at)
        if data[at] == _BRACE_END:
            return members, at + 1
        if data[at] != _COMMA:
            raise _wrong(data, at)
        at += 1


def _items(data: bytes, at: int, depth: int) -> tuple[list[object], int]:
    items: list[object] = []
    at = _skip(data, at + 1)
    if data[at] == _BRACKET_END:
        return items, at + 1
    while True:
        item, at = _value(data, at, depth + 1)
        items.append(item)
        at = _skip(data, at)
        if data[at] == _BRACKET_END:
            return items, at + 1
        if data[at] != _COMMA:
            raise _wrong(data, at)
        at += 1


def _string(data: bytes, at: int) -> tuple[str, int]:
    while data[at] in _SPACE:
        at += 1
    if data[at] != _QUOTE:
        raise _wrong(data, at)
    end = at + 1
    while True:
        end = data.find(b'"', end)
        if end < 0:
            raise WireError("form", f"the text that begins at byte {at} has no end")
        slashes = end
        while data[slashes - 1] == _BACKSLASH:
            slashes -= 1
        if (end - slashes) % 2 == 0:
            break
        end += 1
    raw = data[at + 1 : end]
    if raw and min(raw) < 0x20:
        raise WireError("form", f"the text that begins at byte {at} holds a control character")
    try:
        text = raw.decode()
    except UnicodeError:
        raise WireError("form", f"the text that begins at byte {at} is not UTF-8") from None
    return (_unescape(text, at) if "\\" in text else text), end + 1


def _unescape(text: str, at: int) -> str:
    pieces = text.split("\\")
    out = pieces[0]
    index = 1
    while index < len(pieces):
        piece = pieces[index]
        index += 1
        if piece == "" and index < len(pieces):  # a backslash that was escaped itself
            out += "\\" + pieces[index]
            index += 1
        elif piece[:1] == "u":
            out += _code_point(piece[1:5], at) + piece[5:]
        elif piece[:1] in _ESCAPES:
            out += _ESCAPES[piece[0]] + piece[1:]
        else:
            raise WireError("form", f"the text that begins at byte {at} holds a wrong escape")
    return out


def _code_point(digits: str, at: int) -> str:
    code = 0
    for character in digits.lower():
        digit = "0123456789abcdef".find(character)
        if digit < 0:
            code = -1
            break
        code = code * 16 + digit
    if len(digits) != 4 or code < 0:
        raise WireError("form", f"the text that begins at byte {at} holds a wrong escape")
    # Half of a surrogate pair is no character; nothing that we read may hold one.
    return chr(code) if not 0xD800 <= code <= 0xDFFF else "?"


def _number(data: bytes, at: int) -> tuple[int | float, int]:
    end = at
    while data[end] in _NUMBER:
        end += 1
    text = data[at:end].decode()
    whole = text[1:] if text[:1] == "-" else text
    digits = _count_digits(whole)
    rest = whole[digits:]
    if digits == 0 or len(text) > _MAX_NUMBER_CHARS or (digits > 1 and whole[0] == "0"):
        raise _wrong(data, at)
    if rest == "":
        return int(text), end
    if rest[0] == ".":
        decimals = _count_digits(rest[1:])
        rest = rest[1 + decimals :]
        if decimals == 0:
            raise _wrong(data, at)
    if rest and rest[0] in "eE":
        rest = rest[2:] if rest[1:2] in ("+", "-") else rest[1:]
        if rest == "" or _count_digits(rest) != len(rest):
            raise _wrong(data, at)
        rest = ""
    if rest:
        raise _wrong(data, at)
    return float(text), end


def _count_digits(text: str) -> int:
    return len(text) - len(text.lstrip("0123456789"))


def _skip(data: bytes, at: int) -> int:
    while data[at] in _SPACE:
        at += 1
    return at


def _wrong(data: bytes, at: int) -> WireError:
    if at >= len(data) - 1:
        return WireError("form", f"the JSON breaks off after {len(data) - 1} bytes")
    return WireError("form", f"the payload is not JSON: byte {at} is {data[at : at + 1]!r}")
