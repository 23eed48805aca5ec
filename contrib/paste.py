"""Uploads in PasteDeploy's ini files: the component as an application, or as a filter around one.

PasteDeploy itself is not needed. Source: its documentation, "Factories".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chevupload.app import ChevUpload
from chevupload.site.factory import component_from

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def app_factory(global_config: Mapping[str, str], **settings: str) -> ChevUpload:
    """Make a component of a section's settings, as :func:`chevupload.component_from` lists them.

    ``[DEFAULT]`` holds what other sections want as well, and is not looked at.

    Raises:
        ConfigError: the settings do not fit together.
    """
    return component_from(settings)


def filter_factory(global_config: Mapping[str, str], **settings: str) -> Callable[[WSGIApplication], WSGIApplication]:
    """Make what puts such a component around an application.

    Raises:
        ConfigError: the settings do not fit together.
    """
    return component_from(settings).wrap
