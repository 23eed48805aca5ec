"""A site in a data folder for the commands of an operator, and a function that runs them."""

from __future__ import annotations

import io
import sys

from chevupload.cli import main
from chevupload.db import Accounts
from chevupload.site.factory import embedded
from tests.databases import data_folder
from tests.support import picture


class OperatorSite:
    """A site with the users ann, whose uploads are odd.png and others, and bob."""

    def __init__(self, folder, capsys, monkeypatch):
        self.folder = folder
        self._capsys, self._monkeypatch = capsys, monkeypatch
        component = embedded(data_folder(folder), renderer="inline")
        accounts = Accounts(component.own_database)
        self.ann, self.bob = accounts.add_user("ann"), accounts.add_user("bob")
        self.album = component.albums.add(self.ann, "Cats").id
        self.key = accounts.add_key("ann", label="laptop").id
        self.uploads = [
            component.uploads.save(io.BytesIO(picture((8, 6 + number))), filename=name, owner=owner, **fields)
            for number, (name, owner, fields) in enumerate(
                [
                    ("a.png", self.ann, {"tags": "cat,dog", "album_id": self.album}),
                    ("con.png", self.ann, {"title": "ü\x9b31m\u202e"}),
                    ("b.png", self.bob, {}),
                    ("g.png", None, {}),
                ]
            )
        ]
        component.close()
        component.own_database.engine.dispose()

    def run(self, *words, answer=None):
        """Run a command, at a terminal if there is an answer; return its status, output and errors."""
        terminal = io.StringIO(answer or "")
        terminal.isatty = lambda: answer is not None
        self._monkeypatch.setattr(sys, "stdin", terminal)
        status = main([*words, "--data", str(self.folder)])
        captured = self._capsys.readouterr()
        return status, captured.out, captured.err
