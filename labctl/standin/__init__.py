"""A stand-in for a Docker Engine: the program, and the settings that a stack may give it."""
