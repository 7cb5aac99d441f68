"""`python -m tfds_extra` is the `tfds-extra` command, also where that is not on the PATH."""

import sys

from tfds_extra import cli

if __name__ == "__main__":
    sys.exit(cli.main())
