"""`python -m tfds_extra` runs the `tfds-extra` command, even if that is not on the PATH."""

import sys

from tfds_extra import cli

if __name__ == "__main__":
    sys.exit(cli.main())
