"""Our own firmware for real boards, and how it gets onto them; the boards' files ship as data."""
