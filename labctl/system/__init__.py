"""The machine itself, without Docker: where things lie, files, locks, waiting, threads, processes, signals."""
