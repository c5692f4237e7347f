"""What a bench has and a chip has not: clock, finger, contacts, radio."""
