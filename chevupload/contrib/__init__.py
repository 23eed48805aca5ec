"""Signpost to the top-level ``contrib`` folder of a checkout.

An installation has that folder's own ``__init__`` here instead.
"""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "contrib")]
