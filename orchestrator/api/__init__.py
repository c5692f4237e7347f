"""The wire: one operations table, and what is derived from it."""
