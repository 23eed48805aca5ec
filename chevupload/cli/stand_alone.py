"""What a site in a data folder has besides its folder: for its server, and for the commands beside it, the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from chevupload.config import Config, Routes
from chevupload.errors import ConfigError
from chevupload.uploads.hooks import Hooks
from chevupload.validation import BASE_URL, optional

if TYPE_CHECKING:
    from chevupload.app import ChevUpload
    from chevupload.data_folder import Site

ROUTES = Routes(
    upload_page="upload",
    api_page="api-v1",
    health="health",
    liveness="health/live",
    oembed="oembed",
    pup="sdk/pup.js",
    home="/",
)
"""Where this server answers: as a component by itself, with the pages that people start from, upload on and read about
the API, with oEmbed and the script for other sites where Chevereto has them, and its health."""

BASE_URL_NAME = "CHEVUPLOAD_BASE_URL"
_URL_NAME, _SECRET_NAME = "CHEVUPLOAD_WEBHOOK_URL", "CHEVUPLOAD_WEBHOOK_SECRET"
_HANDLER = "webhook"
"""Name of the handler: who wanted no more events is asked again by ``chevupload events resume webhook``."""

F = TypeVar("F", bound=Callable[..., Any])


def webhook_options(command: F) -> F:
    """Give a command the options of the site's webhook."""
    secret = click.option(
        "--webhook-secret",
        "webhook_secrets",
        multiple=True,
        envvar=_SECRET_NAME,
        show_envvar=True,
        help="Signs events: whsec_ and base64. Two while it is exchanged. Other programs cannot see the variable.",
    )
    url = click.option(
        "--webhook-url",
        envvar=_URL_NAME,
        show_envvar=True,
        help="Send what happens to uploads there. The commands beside the server need the variables, too.",
    )
    return url(secret(command))


def webhook_hooks(url: str | None, secrets: Sequence[str]) -> Hooks:
    """Return hooks that send events to ``url``; none without.

    Raises:
        ConfigError: a URL without a secret or the other way round, or one that cannot be meant.
    """
    if not url and not secrets:
        return Hooks()
    if not url or not secrets:
        raise ConfigError(f"a webhook needs both: --webhook-url or {_URL_NAME}, --webhook-secret or {_SECRET_NAME}")
    from chevupload.fetch.webhook import Webhook  # noqa: PLC0415  # of an extra

    return Hooks(on_event={_HANDLER: Webhook(url, secrets)})


def component_beside(site: Site) -> ChevUpload:
    """Return the component of a data folder for a command, with what the variables of its server say."""
    from chevupload.factory import embedded  # noqa: PLC0415  # SQLAlchemy comes with it

    base_url = optional(BASE_URL).checked(BASE_URL_NAME, os.environ.get(BASE_URL_NAME) or None)
    hooks = webhook_hooks(os.environ.get(_URL_NAME), os.environ.get(_SECRET_NAME, "").split())
    return embedded(site, config=Config(routes=ROUTES, base_url=base_url), hooks=hooks)
