"""``chevupload client-config``: settings for ShareX and other clients, to import or to run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import click

from chevupload.cli.values import KEY, server_option
from chevupload.errors import ConfigError
from chevupload.filesystem import go_without, local_path
from chevupload.web.api_docs.client_configs import CLIENTS, PLACEHOLDER, Account


@click.command("client-config", help="Print settings for a client such as ShareX; without NAME, list the clients.")
@click.argument("name", type=click.Choice([*CLIENTS]), required=False, metavar="[NAME]")
@click.option("--key", type=KEY, envvar="CHEVUPLOAD_KEY", show_envvar=True, default=PLACEHOLDER, help="API key.")
@server_option
@click.option("--site", default="", help="The site's name; its host by default.")
@click.option("--output", metavar="FILE", help="Write a new file, for its owner's eyes only.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def client_config(name: str | None, key: str, url: str, site: str, output: str | None, *, force: bool) -> None:
    """Print one client's settings, or the names of all."""
    if name is None:
        click.echo("\n".join(f"{name:12}{client.title}: {client.use}" for name, client in CLIENTS.items()))
        return
    settings = CLIENTS[name].build(Account(upload_url=url, key=key, site=site))
    if output is None:
        click.echo(settings, nl=False)
    else:
        try:
            _write_private(local_path(output), settings, os.O_TRUNC if force else os.O_EXCL)
        except FileExistsError:
            raise ConfigError(f"{output} is there already, maybe with a key in it; --force replaces it") from None


def _write_private(path: Path, text: str, flag: int) -> None:
    """Write a file that nobody else can read, since it holds a key; a script can be run."""
    mode = stat.S_IRWXU if text.startswith("#!") else stat.S_IRUSR | stat.S_IWUSR
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | flag, mode), "w", encoding="utf-8") as file:
        try:
            os.fchmod(file.fileno(), mode)
        except OSError as error:
            go_without("change modes", error)
        file.write(text)
