"""``python -m chevupload`` is the command line."""

import sys

from chevupload.cli import main

sys.exit(main())
