"""Where rows are kept: in memory, in SQLite. ``README.md`` here tells how a group commits."""
