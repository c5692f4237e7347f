"""The wiring: the only place that names adapters and spec strings and holds the real clock."""
