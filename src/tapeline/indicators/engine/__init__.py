"""Run the catalogue's kernels: compile them, lay out a symbol's state, and carry it from bar to bar."""
