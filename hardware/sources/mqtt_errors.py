"""Why a broker could not be reached or would not let us in, and what to do about it."""

from __future__ import annotations

import socket
import ssl
from typing import Final

import aiomqtt
from paho.mqtt.reasoncodes import ReasonCode

from hardware.source import SourceAwayError, SourceError, SourceRefusedError
from hardware.sources.mqtt_spec import MqttSpec

# Reason codes of MQTT 5 (2.4), to which the client also maps the return codes of 3.1.1: those
# that pass by themselves. Every other refusal stays until somebody mends it.
_PASSING: Final = {
    0x88: "is not available",
    0x89: "is busy",
    0x8B: "is shutting down",
    0x97: "has no room for us",
    0x9F: "wants fewer connections a second",
}
_LOGIN: Final = (0x86, 0x87, 0x8C)
_NO_SUCH_VERSION: Final = 0x84


def explain_connect(spec: MqttSpec, error: aiomqtt.MqttError, timeout_s: float) -> SourceError:
    """What a failed attempt to connect means for whoever reads the message."""
    if isinstance(error, aiomqtt.MqttCodeError) and isinstance(error.rc, ReasonCode):
        return _explain_refusal(spec, error.rc)
    # aiomqtt keeps only the text; the exception itself is still the context.
    cause = error.__context__
    if isinstance(cause, ssl.SSLError):
        return _explain_tls(spec, cause)
    where = f"{spec.host}:{spec.port}"
    if isinstance(cause, socket.gaierror):
        return SourceAwayError(
            spec.shown, f"no host is called {spec.host}", "check the name and the network"
        )
    if isinstance(cause, ConnectionRefusedError):
        return SourceAwayError(
            spec.shown, f"nobody listens on {where}", "start the broker, or check the port"
        )
    # No answer to our connection has a TimeoutError as its cause too, but another text.
    silent = str(error) == "Operation timed out"
    if isinstance(cause, TimeoutError) and not silent:
        return SourceAwayError(
            spec.shown,
            f"{where} does not answer within {timeout_s:g} s",
            "check host, port and firewall",
        )
    if isinstance(cause, OSError) and not silent:
        remedy = "check the broker and the network"
        if spec.tls and isinstance(cause, ConnectionResetError):
            remedy = f"if {where} speaks no TLS, write mqtt://, or its port for TLS, usually 8883"
        return SourceAwayError(spec.shown, str(cause), remedy)
    return SourceAwayError(
        spec.shown, f"{where} takes the connection and says nothing", _silence_remedy(spec)
    )


def _explain_refusal(spec: MqttSpec, code: ReasonCode) -> SourceError:
    if code.value in _PASSING:
        return SourceAwayError(spec.shown, f"the broker {_PASSING[code.value]}")
    if code.value in _LOGIN:
        who = f"user {spec.user!r}" if spec.user else "a client without a user name"
        return SourceRefusedError(
            spec.shown,
            f"the broker refuses {who} ({code})",
            f"write {'mqtts' if spec.tls else 'mqtt'}://USER:PASSWORD@{spec.host}:{spec.port}/",
        )
    if code.value == _NO_SUCH_VERSION:
        other = "leave out version=5" if spec.version == "5" else "add version=5"
        return SourceRefusedError(
            spec.shown, f"the broker does not speak MQTT {spec.version}", other
        )
    return SourceRefusedError(spec.shown, f"the broker refuses the connection ({code})")


def _explain_tls(spec: MqttSpec, error: ssl.SSLError) -> SourceError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return SourceRefusedError(
            spec.shown,
            f"the broker's certificate cannot be trusted ({error.verify_message})",
            "give the authority that signed it with ca=FILE, and the host as the certificate"
            " names it",
        )
    reason = error.reason or str(error)
    if "WRONG_VERSION_NUMBER" in reason:
        return SourceRefusedError(
            spec.shown,
            f"port {spec.port} does not speak TLS",
            f"write mqtt://{spec.host}:{spec.port}/, or the port for TLS, usually 8883",
        )
    return SourceRefusedError(
        spec.shown,
        f"no TLS connection ({reason})",
        "a broker that asks for a client certificate needs cert=FILE and key=FILE",
    )


def _silence_remedy(spec: MqttSpec) -> str:
    if spec.version == "5":
        return "it may know MQTT 3.1.1 only: leave out version=5"
    if not spec.tls:
        return "it may want TLS: write mqtts://"
    if spec.cert is None:
        return "it may ask for a client certificate: give cert=FILE and key=FILE"
    return "it may not trust our certificate: look at the broker's log"
