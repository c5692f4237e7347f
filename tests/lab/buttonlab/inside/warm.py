"""Reads once what every test will read, so that the snapshot holds it in memory.

These are all the packages that the wheels were asked for; one that cannot be imported in the guest
is said on the console, and fails a test.
"""

import sqlite3  # noqa: F401

import aiomqtt  # noqa: F401
import amqtt.broker  # noqa: F401
import bleak.backends.bluezdbus.client
import bleak.backends.bluezdbus.scanner  # noqa: F401
import botocore.auth  # noqa: F401
import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401
import httptools  # noqa: F401
import httpx  # noqa: F401
import msgspec  # noqa: F401
import paho.mqtt.client  # noqa: F401
import platformdirs  # noqa: F401
import rich.console  # noqa: F401
import serial.tools.list_ports  # noqa: F401
import typer  # noqa: F401
import uvicorn  # noqa: F401
import uvloop  # noqa: F401
