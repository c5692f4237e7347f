"""The example is a project of its own, which its own pytest runs."""

collect_ignore = ["example"]
