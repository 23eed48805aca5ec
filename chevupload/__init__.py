"""Mount a Chevereto-compatible upload API into any WSGI application.

Names are loaded when they are first used: importing this package costs nothing that is not needed, and a media worker
stays as small as its decoder.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chevupload.app import ChevUpload as ChevUpload
    from chevupload.config import Delivery as Delivery
    from chevupload.config import Limits as Limits
    from chevupload.config import Originals as Originals
    from chevupload.config import Policy as Policy
    from chevupload.config import Renditions as Renditions
    from chevupload.config import Routes as Routes
    from chevupload.data_folder import embedded as embedded
    from chevupload.errors import BackendError as BackendError
    from chevupload.errors import ChevuploadError as ChevuploadError
    from chevupload.errors import ConfigError as ConfigError
    from chevupload.errors import Refusal as Refusal
    from chevupload.errors import RequestDenied as RequestDenied
    from chevupload.fetch.fetcher import FetchRules as FetchRules
    from chevupload.fetch.fetcher import HttpFetcher as HttpFetcher
    from chevupload.model import Principal as Principal
    from chevupload.model import Upload as Upload
    from chevupload.web.page import Page as Page
    from chevupload.web.pages import Pages as Pages

_HOMES = {
    "ChevUpload": "app",
    "Limits": "config",
    "Delivery": "config",
    "Policy": "config",
    "Renditions": "config",
    "Routes": "config",
    "BackendError": "errors",
    "ChevuploadError": "errors",
    "ConfigError": "errors",
    "Refusal": "errors",
    "RequestDenied": "errors",
    "Principal": "model",
    "Upload": "model",
    "Originals": "originals",
    "FetchRules": "request.fetching",
    "HttpFetcher": "request.fetching",
    "Page": "response.page",
    "Pages": "response.pages",
    "embedded": "site",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
