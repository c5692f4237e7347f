"""How much life a button has left, from what it can know: its clicks, and its cell's voltage."""

# What the claim API assumes when nobody says otherwise.
RATED_CLICKS = 2000

# A lithium coin cell holds its voltage for most of its life and then falls: the data sheets of
# the CR2032 rate it down to 2.0 V, and its curve leaves the plateau near 2.7 V.
PLATEAU_MV = 2700
EMPTY_MV = 2000


def remaining_life_bp(
    clicks: int, battery_mv: int | None = None, rated_clicks: int = RATED_CLICKS
) -> int:
    """Remaining life in hundredths of a percent, 0..10000.

    100 % x (1 - clicks / rated clicks), and no more than the voltage allows when it is known.
    """
    by_clicks = 10_000 - clicks * 10_000 // rated_clicks
    if battery_mv is not None:
        by_voltage = (battery_mv - EMPTY_MV) * 10_000 // (PLATEAU_MV - EMPTY_MV)
        by_clicks = min(by_clicks, by_voltage)
    return max(0, min(10_000, by_clicks))
