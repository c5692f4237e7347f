"""The claim API over HTTP: what drives a claim here reaches a service elsewhere."""

from orchestrator.remote.claims import RemoteClaims
from orchestrator.remote.link import Retry
from orchestrator.remote.refusals import AccessRefusedError, StrangeAnswerError
from orchestrator.remote.signing import Credentials

__all__ = ["AccessRefusedError", "Credentials", "RemoteClaims", "Retry", "StrangeAnswerError"]
