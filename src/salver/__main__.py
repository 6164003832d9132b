"""`python -m salver` is the command `salver`."""

import sys

from salver.cli import main

sys.exit(main())
