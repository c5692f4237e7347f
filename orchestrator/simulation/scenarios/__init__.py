"""Scenarios: who is there, what goes wrong and what is to come of it, run in virtual time."""
