"""The command line of the uploads as a management command of a Django project."""

from __future__ import annotations

from argparse import REMAINDER
from contextlib import redirect_stdout
from typing import Any

from click import ClickException
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chevupload.cli import host_commands, hosted
from chevupload.contrib.django import ChevUpload


class UploadsCommand(BaseCommand):  # type: ignore[misc]  # Django has no types
    """The command line of the uploads, for a management command of the project.

    A subclass called ``Command``, in a module ``management/commands/chevupload.py`` of an app, sets ``uploads``.

    Attributes:
        uploads: the uploads of the project.
    """

    help = "Look after the uploads of this project: --help behind the word -- lists the commands."
    uploads: ChevUpload

    def add_arguments(self, parser: CommandParser) -> None:
        """Leave every word to the command."""
        parser.add_argument("words", nargs=REMAINDER, help="a command and its options")

    def handle(self, *, words: list[str], **options: Any) -> None:
        """Run one; what fails ends with a status of 1.

        Raises:
            CommandError: a part refused its work.
        """
        # What is printed has its line ends already.
        self.stdout.ending = ""
        try:
            with redirect_stdout(self.stdout):
                status = host_commands.main(
                    words, "manage.py chevupload", standalone_mode=False, obj=hosted(self.uploads.component)
                )
        except ClickException as error:
            raise CommandError(error.format_message(), returncode=error.exit_code) from error
        if status:
            raise SystemExit(status)
