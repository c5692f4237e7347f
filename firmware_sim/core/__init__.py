"""The device core: integers in, bytes out; flashed unchanged on a MicroPython board."""
