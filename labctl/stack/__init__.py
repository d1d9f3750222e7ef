"""Stacks: Compose files in a declared subset, read into hosts and networks."""
