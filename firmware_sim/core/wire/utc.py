"""UTC milliseconds to and from the text form of ISO 8601, without a calendar library."""

from firmware_sim.core.wire.errors import WireError

_DAY_MS = 86_400_000


def utc_text(at_ms: int) -> str:
    """``2019-07-18T23:47:55.015Z`` for milliseconds since 1970; always three decimals."""
    days, in_day_ms = divmod(at_ms, _DAY_MS)
    year, month, day = _date_of(days)
    hour, rest_ms = divmod(in_day_ms, 3_600_000)
    minute, rest_ms = divmod(rest_ms, 60_000)
    second, milli = divmod(rest_ms, 1000)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{milli:03d}Z"


def parse_utc(text: str) -> int:
    """Milliseconds since 1970 for ``YYYY-MM-DDThh:mm:ss[.fraction]Z``; finer digits are cut off.

    Raises WireError for any other form, a date that does not exist, or one before 1970.
    """
    wrong = WireError("range", f"reportedTime is {text!r}; write it as 2019-07-18T23:47:55.015Z")
    if len(text) < 20 or text[-1] != "Z":
        raise wrong
    if (text[4], text[7], text[10], text[13], text[16]) != ("-", "-", "T", ":", ":"):
        raise wrong
    year, month, day = _digits(text[0:4]), _digits(text[5:7]), _digits(text[8:10])
    hour, minute, second = _digits(text[11:13]), _digits(text[14:16]), _digits(text[17:19])
    milli = 0
    if len(text) > 20:
        if text[19] != "." or len(text) == 21 or _digits(text[20:-1]) < 0:
            raise wrong
        milli = _digits((text[20:-1] + "00")[:3])
    if min(year, month, day, hour, minute, second) < 0 or year < 1970 or not 1 <= month <= 12:
        raise wrong
    if hour > 23 or minute > 59 or second > 59:
        raise wrong
    days = _days_before(year, month) + day - 1
    if _date_of(days) != (year, month, day):
        raise wrong
    return days * _DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1000 + milli


def _digits(text: str) -> int:
    """The number written in decimal digits only, or -1."""
    return -1 if text == "" or text.strip("0123456789") else int(text)


def _days_before(year: int, month: int) -> int:
    """Days from 1970-01-01 to the first of the month. Years begin in March, so that the leap day
    comes last and needs no case of its own."""
    if month <= 2:
        year -= 1
        month += 12
    return year * 365 + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 - 719_468


def _date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1970-01-01."""
    days += 719_468  # since the first of March of year 0
    # A century has 36,524 days and a quarter: every fourth has its 29th of February.
    century = (4 * days + 3) // 146_097
    in_century = days - century * 146_097 // 4
    year_of_it = (4 * in_century + 3) // 1_461
    in_year = in_century - year_of_it * 1_461 // 4
    month = (5 * in_year + 2) // 153  # March is 0
    day = in_year - (153 * month + 2) // 5 + 1
    year = 100 * century + year_of_it
    return (year, month + 3, day) if month < 10 else (year + 1, month - 9, day)
