"""The command line: its entry point, what its commands share, and a module a command."""
