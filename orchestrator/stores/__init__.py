"""Where rows are kept: in memory, in SQLite."""
