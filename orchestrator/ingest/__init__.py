"""From what a source hears to what the claim service has committed, and only then acknowledged."""

from orchestrator.ingest.pipeline import Ingest
from orchestrator.ingest.reports import Report

__all__ = ["Ingest", "Report"]
