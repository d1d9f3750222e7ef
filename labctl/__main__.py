"""`python -m labctl`, for where the command is not on the PATH."""

import sys

from labctl.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
