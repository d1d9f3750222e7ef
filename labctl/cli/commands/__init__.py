"""The subcommands of `labctl`, one file each; the file's name is the command's."""
