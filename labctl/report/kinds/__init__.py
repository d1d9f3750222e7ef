"""The kinds of reports, one a file; the file's name is the kind's, as `--report KIND=FILE` has it."""
