"""Sites for a browser to look at: a component on a server of its own, with who is signed in and what is in it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chevupload import Hooks, Pages, Policy, Principal, Routes
from chevupload.app import ChevUpload
from chevupload.db import SqlKeys
from chevupload.keys import KeyChain
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from chevupload.testing import serve
from chevupload.testing.memory import StaticKeys
from tests.support import gathered

GUEST = "the-key-of-the-guests"


@dataclass(frozen=True, slots=True)
class Running:
    """A site that is running.

    Attributes:
        address: its URL, without a slash at its end.
        component: the component itself.
        user_id: of Ann.
        key: one of Ann's.
    """

    address: str
    component: ChevUpload
    user_id: str
    key: str


@contextlib.contextmanager
def site(folder: Path, *, signed_in: bool = True, prefix: str = "", **settings: Any) -> Iterator[Running]:
    """Serve a site with every page on, where Ann is signed in or nobody is."""
    own = Site(folder)
    user_id = own.accounts.add_user("ann")
    keys = SqlKeys(own.database)
    defaults = {
        "keys": KeyChain(keys, StaticKeys({GUEST: Principal()})),
        "key_store": keys,
        "current_user": lambda environ: Principal(user_id=user_id) if signed_in else None,
        "hooks": Hooks(display_name=lambda user_id: "Ann Berg"),
        "renderer": "inline",
        "routes": Routes(upload_page="upload", api_page="api-v1", home="/"),
        "policy": Policy(),
        "pages": Pages(site_name="Pictures of Ann", home_url="/"),
    }
    component = embedded(own, **gathered({**defaults, **settings}))
    for title in ("Norway", "Work"):
        component.albums.add(user_id, title)
    try:
        with serve(component) as address:
            yield Running(address, component, user_id, keys.add_key(user_id, label="Laptop").key)
    finally:
        component.close()
        own.close()
