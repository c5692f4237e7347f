"""Real buttons: hear them, understand them. Knows no claim."""
