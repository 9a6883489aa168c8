"""Define the values and seams that everything else is built on. Nothing here does I/O or reads a clock."""
