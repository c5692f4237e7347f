"""What can end a deep sleep."""

from bench import tell

WAKEUP_ALL_LOW, WAKEUP_ANY_HIGH = False, True


def wake_on_ext0(pin, level):
    tell("wake_on", f"{pin.number} {'high' if level else 'low'}")
