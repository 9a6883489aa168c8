"""Where programs start: the command line, and the commands of the containers."""
