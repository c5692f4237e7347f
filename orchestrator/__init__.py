"""Who owns a button, and how that is decided."""

__version__ = "0.1.0"
