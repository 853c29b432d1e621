"""``python -m watchdog.cli``."""

import sys

from watchdog.cli import main

sys.exit(main())
