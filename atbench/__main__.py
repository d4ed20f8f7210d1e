"""``python -m atbench``."""

import sys

from atbench.cli import main

sys.exit(main())
