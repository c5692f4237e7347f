"""The production code in a world of its own: virtual time, one seed, faults with names."""
