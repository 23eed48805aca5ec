"""Signpost to the top-level ``contrib`` folder of a checkout; an installation has that folder's own ``__init__`` here."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "contrib")]
