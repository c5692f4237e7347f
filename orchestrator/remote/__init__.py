"""The claim API over HTTP."""
