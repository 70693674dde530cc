"""`python -m training_core`."""

import sys

from training_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
