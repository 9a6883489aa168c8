"""Where bars come from. Each module is one `tapeline.core.ports.Source`."""
