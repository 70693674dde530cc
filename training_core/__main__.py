"""`python -m training_core`."""

import os
import sys
from contextlib import suppress

from training_core.base.errors import EXIT_INTERRUPTED
from training_core.cli.main import main

if __name__ == "__main__":
    code = main()
    if code == EXIT_INTERRUPTED:  # all is saved; taking the libraries down and waiting for their threads takes seconds
        with suppress(OSError):  # a terminal that has gone
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
