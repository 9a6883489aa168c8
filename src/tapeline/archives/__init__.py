"""Where raw history is kept. Each module is one `tapeline.ports.Archive`."""
