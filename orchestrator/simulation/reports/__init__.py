"""What came of a scenario, told to a terminal, to CI, to a program, and on a page."""
