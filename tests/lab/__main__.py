"""``python -m tests.lab`` is ``scripts/lab``."""

import sys

from tests.lab.command import main


sys.exit(main())
