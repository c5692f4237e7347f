"""What a button is, and a world to press it in."""
