"""What every key backend, storage, catalog and host must keep to, as pytest classes: subclass one, give its fixtures.

And helpers for a host's own tests: :func:`isolated`, :func:`picture` and :func:`serve`, for which no pytest is
needed.

Nothing else here imports this package, so that a server needs no pytest.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from chevupload import lazy_names

__all__, __getattr__ = lazy_names(__name__, __file__)

if sys.modules.get("pytest"):
    # A broken promise is told with the values that broke it: pytest has to know of a module before it is imported.
    _homes = [f"{__name__}.{file.stem}" for file in Path(__file__).parent.glob("[a-z]*.py")]
    importlib.import_module("pytest").register_assert_rewrite(*_homes)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
