"""Read the settings, and wire the parts of a program from them."""
