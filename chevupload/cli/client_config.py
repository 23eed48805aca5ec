"""``chevupload client-config``: settings for ShareX and other clients, to import or to run."""

from __future__ import annotations

import argparse
import os
import stat
from pathlib import Path

from chevupload.cli.common import SERVER_HELP, SERVER_URL, Commands, add_command, upload_address
from chevupload.filesystem import local_path, optional_step
from chevupload.web.api_docs.client_configs import CLIENTS, PLACEHOLDER, Account


def add_commands(commands: Commands) -> None:
    """Add ``client-config``."""
    help_text = "print settings for ShareX and other clients"
    parser = add_command(commands, "client-config", client_config, help_text, site=False, json_output=False)
    parser.add_argument("client", nargs="?", choices=[*CLIENTS], metavar="NAME", help="without a name, all are listed")
    parser.add_argument(
        "--key", default=os.environ.get("CHEVUPLOAD_KEY") or PLACEHOLDER, help="API key (CHEVUPLOAD_KEY)"
    )
    parser.add_argument("--url", default=os.environ.get("CHEVUPLOAD_URL", SERVER_URL), help=SERVER_HELP)
    parser.add_argument("--site", default="", help="the site's name (its host)")
    parser.add_argument("--output", type=local_path, metavar="FILE", help="write a file, for its owner's eyes only")


def client_config(options: argparse.Namespace) -> int:
    """Print one client's settings, or the names of all."""
    if options.client is None:
        for name, client in CLIENTS.items():
            print(f"{name:12}{client.title}: {client.use}")
        return 0
    account = Account(upload_url=upload_address(options.url).geturl(), key=options.key, site=options.site)
    settings = CLIENTS[options.client].build(account)
    if options.output is None:
        print(settings, end="")
    else:
        _write_private(options.output, settings)
    return 0


def _write_private(path: Path, text: str) -> None:
    """Write a file that nobody else can read, since it holds a key; a script can be run."""
    mode = stat.S_IRWXU if text.startswith("#!") else stat.S_IRUSR | stat.S_IWUSR
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        with optional_step("change modes"):
            os.fchmod(file.fileno(), mode)
        file.write(text)
