"""Mount a Chevereto-compatible upload API into any WSGI application.

Every public name is one of this package, of :mod:`chevupload.integration`, :mod:`chevupload.testing` or
:mod:`chevupload.contrib`. Names are loaded when they are first used: importing this package costs nothing that is not
needed, and a media worker stays as small as its decoder.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


def lazy_names(package: str, file: str) -> tuple[list[str], Callable[[str], Any]]:
    """Return the names that the stub beside a package's ``__init__.py`` lists, and a ``__getattr__`` that loads one."""
    stub = Path(file).with_name("__init__.pyi").read_text("utf-8")
    homes = {name: home for home, name in re.findall(r"^from (\S+) import (\w+) as", stub, re.MULTILINE)}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return sorted(homes), load


__all__, __getattr__ = lazy_names(__name__, __file__)


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
