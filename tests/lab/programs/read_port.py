"""Runs in the guest: ``read_port.py SERIAL_NUMBER``, waits for the port and prints its lines."""

import sys
import time

import serial
from serial.tools import list_ports

(serial_number,) = sys.argv[1:]


def find():
    while True:
        for port in list_ports.comports():
            if port.serial_number == serial_number:
                return port
        time.sleep(0.02)


while True:
    port = find()
    print(f"PLUGGED {port.device} {port.vid:04x}:{port.pid:04x} at {port.location}", flush=True)
    try:
        with serial.Serial(port.device, timeout=30) as opened:
            print("OPEN", flush=True)
            while line := opened.readline():
                print("LINE", line.decode().rstrip(), flush=True)
    except OSError as error:
        print("UNPLUGGED", type(error).__name__, flush=True)
