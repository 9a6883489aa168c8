"""Where bars come from. Each module is one `tapeline.ports.Source`."""
