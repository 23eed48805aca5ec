"""Decoders that a site may lack: noticed where one is imported, told where the site's log is.

A worker has no log, so what it lacks crosses its pipe as :class:`~chevupload.errors.MissingExtra`, and the client
reads what it reads of any other format that is not accepted.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from chevupload.errors import BackendError, ConfigError, MissingExtra, UnavailableFormat
from chevupload.formats import FORMATS, NAMES, Extra

_log = logging.getLogger(__name__)


def usable(formats: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``formats`` whose decoder is installed; nothing is imported for it."""
    extras = ((name, FORMATS[name].extra) for name in formats)
    return tuple(name for name, extra in extras if extra is None or find_spec(extra.module) is not None)


def check_usable(name: str, formats: tuple[str, ...]) -> None:
    """Check that the decoder of each format is installed which a site names; all formats at once name none.

    Raises:
        ConfigError: one is not; says which extra brings it.
    """
    if formats == NAMES:
        return
    for lacking in sorted({*formats} - {*usable(formats)}):
        extra = FORMATS[lacking].extra
        assert extra is not None
        raise ConfigError(f"{name} names {lacking}, which needs {extra.module}: pip install 'chevupload[{extra.name}]'")


@contextmanager
def extra(needed: Extra | None) -> Iterator[None]:
    """Import what an extra brings in here.

    Raises:
        MissingExtra: it is not installed.
        BackendError: it is, and cannot be loaded.
    """
    try:
        yield
    except ImportError as error:
        assert needed is not None
        if isinstance(error, ModuleNotFoundError) and error.name == needed.module:
            raise MissingExtra(needed.name) from error
        raise BackendError(f"{needed.module} cannot be loaded") from error


def unavailable(error: MissingExtra) -> UnavailableFormat:
    """Tell the log which extra a refused file would need, and return what the client is told."""
    # In ASCII, for a worker that hostile bytes took over may have written it.
    name = ascii(error.message[:20])[1:-1]
    _log.warning("a file was refused that needs an extra: pip install 'chevupload[%s]'", name)
    return UnavailableFormat()
