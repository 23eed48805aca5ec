"""Decoders that a site may lack: noticed where one is imported, told where the site's log is.

A worker has no log, so what it lacks crosses its pipe as :class:`~chevupload.errors.MissingExtra`, and the client
reads what it reads of any other format that is not accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from chevupload.config import FORMATS, VIDEOS
from chevupload.errors import BackendError, ConfigError, MissingExtra, UnavailableFormat

_log = logging.getLogger(__name__)

_MODULES = {"pi_heif": ("heic", ("HEIC",)), "av": ("video", VIDEOS)}
"""What has to be there, which extra brings it, and for which formats."""


def usable(formats: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``formats`` whose decoder is installed; nothing is imported for it."""
    lacking = {name for module, (_, names) in _MODULES.items() if find_spec(module) is None for name in names}
    return tuple(name for name in formats if name not in lacking)


def check_usable(name: str, formats: tuple[str, ...]) -> None:
    """Check that the decoder of each format is installed which a site names; all formats at once name none.

    Raises:
        ConfigError: one is not; says which extra brings it.
    """
    if formats == FORMATS:
        return
    for module, (extra, names) in _MODULES.items():
        if find_spec(module) is None and (lacking := set(names) & set(formats)):
            raise ConfigError(
                f"{name} names {', '.join(sorted(lacking))}, which needs {module}: pip install 'chevupload[{extra}]'"
            )


@contextmanager
def extra(name: str, module: str) -> Iterator[None]:
    """Import ``module`` in here, which the extra ``name`` installs.

    Raises:
        MissingExtra: it is not installed.
        BackendError: it is, and cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            raise MissingExtra(name) from error
        raise BackendError(f"{module} cannot be loaded") from error


@contextmanager
def explained() -> Iterator[None]:
    """Tell the log, and not the client, which extra a refused file would need.

    Raises:
        UnavailableFormat: instead of MissingExtra.
    """
    try:
        yield
    except MissingExtra as error:
        # In ASCII, for a worker that hostile bytes took over may have written it.
        _log.warning(
            "a file was refused that needs an extra: pip install 'chevupload[%s]'", ascii(error.message[:20])[1:-1]
        )
        raise UnavailableFormat from error
