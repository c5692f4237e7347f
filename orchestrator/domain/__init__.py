"""The rules: who may claim which button, when, and what each click becomes.

Standard library only; no clock, no network, no log. Time is an argument.
"""
