"""The commands of the command line, a module for each group; `register(app)` adds a group's commands."""
