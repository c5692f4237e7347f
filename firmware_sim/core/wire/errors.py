"""How a frame is refused: one error type, with the reason as a word and as a sentence."""


class WireError(Exception):
    """A frame, or a value meant for one, is not what the format says.

    It is the only thing the coders and decoders of this package raise. ``reason`` is one of:

    - ``oversize``  more bytes than the format allows
    - ``form``      not JSON, not a sentence, not BTHome: the outer shape is wrong
    - ``missing``   a member or field that must be there is not
    - ``type``      a member is there but is of another type
    - ``range``     of the right type, but not a value that can be
    - ``crc``       the check of the sentence does not fit its text
    - ``tag``       the AES-CCM tag does not fit: wrong key, wrong address, or changed on the way
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
