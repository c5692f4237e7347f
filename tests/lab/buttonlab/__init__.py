"""The lab: a small QEMU guest with real BlueZ and real kernel USB, and the buttons around it."""
