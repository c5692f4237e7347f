"""The claim API over HTTP: routes, decoding, signatures, statuses and documents from one table."""
