"""``chevupload serve``: a ready server on a data folder, which makes its own first user and key."""

from __future__ import annotations

import contextlib
import importlib.util
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from chevupload.cli.log import set_up_log
from chevupload.cli.sites import DEFAULT_FOLDER, ChosenSite
from chevupload.cli.stand_alone import BASE_URL_NAME, ROUTES, webhook_hooks, webhook_options
from chevupload.cli.values import KEY, LINE, NUMBER, SECONDS, setting, upload_address
from chevupload.config import STORE, Config, Limits, Policy
from chevupload.errors import ConfigError
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from chevupload.policy.flood import FLOOD, Flood
from chevupload.validation import BASE_URL, ORIGIN
from chevupload.web.api_docs.client_configs import Account, curl_line
from chevupload.web.pages import Pages

if TYPE_CHECKING:
    from chevupload.app import ChevUpload
    from chevupload.data_folder import Site

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

FIRST_USER = "admin"
WRONG_KEYS = 20
"""From one address in a minute. Who guesses has 256 bits to guess; this bounds what it costs the database."""
_LEAST_BODY_BYTES = 1_000_000
"""With less room for bodies, hardly a picture would fit."""
_OTHER_OPEN_FILES = 500
"""Open files besides those of connections, each of which has a socket and may have a file that is received or sent."""


@click.command("serve", help="Run a server on the data folder.")
@click.option("--data", default=DEFAULT_FOLDER, metavar="FOLDER", show_default=True, help="Data folder.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port; 0 picks a free one."
)
@click.option(
    "--threads", type=click.IntRange(1), default=12, show_default=True, help="Requests that are served at a time."
)
@click.option("--connections", type=click.IntRange(1), default=2_000, show_default=True, help="Clients at a time.")
@click.option(
    "--connections-per-address",
    type=click.IntRange(0),
    help="Of them, from one address or /64 network of IPv6; 0 for any.  [default: a fourth; 0 behind proxies]",
)
@click.option(
    "--read-timeout",
    type=SECONDS,
    default=20.0,
    show_default=True,
    help="For the headers of a request, and for each 20 kB of its body at the default.",
)
@click.option(
    "--body-bytes",
    type=click.IntRange(_LEAST_BODY_BYTES),
    default=2_000_000_000,
    show_default=True,
    help="Bodies on disk at a time.",
)
@click.option("--guest-key", type=KEY, help="Let guests upload with this key.")
@click.option("--guest-page", is_flag=True, help="Let anybody upload on the page /upload.")
@click.option(
    "--popup-origin",
    type=setting("origin", ORIGIN),
    multiple=True,
    help="A site, such as https://forum.example, that may open that page as a pop-up; may be repeated.",
)
@click.option("--tickets", is_flag=True, help="Make tickets at /api/1/tickets, for keys with that scope.")
@click.option("--site-name", type=LINE, default="chevupload", show_default=True, help="At the head of each page.")
@click.option(
    "--base-url",
    type=setting("url", BASE_URL),
    envvar=BASE_URL_NAME,
    show_envvar=True,
    help="The server's address as clients see it.",
)
@click.option(
    "--trusted-proxies",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Proxies in front that set X-Forwarded headers.",
)
@click.option(
    "--flood",
    type=setting("limits", FLOOD),
    default="minute=50 hour=500 day=1000 week=5000 month=10000",
    show_default=True,
    help="Uploads of a user, or of an address without one; off for no limit, as an admin has.",
)
@click.option(
    "--flood-store",
    type=setting("url", STORE),
    default="memory://",
    show_default=True,
    help="Where they are counted: in memory, or in a Redis, such as redis://127.0.0.1:6379/1.",
)
@click.option("--sweep-minutes", type=NUMBER, default=10.0, show_default=True, help="Sweep this often; 0 never does.")
@click.option(
    "--stop-seconds",
    type=NUMBER,
    default=30.0,
    show_default=True,
    help="At its end, let requests under way finish for so long.",
)
@webhook_options
@click.option("--log-json", is_flag=True, help="Log in lines of JSON, one for each upload among them.")
def serve(
    *,
    data: str,
    host: str,
    port: int,
    threads: int,
    connections: int,
    connections_per_address: int | None,
    read_timeout: float,
    body_bytes: int,
    guest_key: str | None,
    guest_page: bool,
    tickets: bool,
    popup_origin: tuple[str, ...],
    site_name: str,
    base_url: str | None,
    trusted_proxies: int,
    flood: Flood | None,
    flood_store: str,
    sweep_minutes: float,
    stop_seconds: float,
    webhook_url: str | None,
    webhook_secrets: tuple[str, ...],
    log_json: bool,
) -> None:
    """Serve until interrupted."""
    if importlib.util.find_spec("waitress") is None:
        raise ConfigError("serve needs waitress: pip install 'chevupload[serve]'")
    from chevupload.cli.server import ServerLimits, create_server, listen  # noqa: PLC0415  # waitress is an extra
    from chevupload.cli.stopping import run  # noqa: PLC0415
    from chevupload.factory import embedded  # noqa: PLC0415  # SQLAlchemy comes with it

    if connections_per_address and trusted_proxies:
        raise click.UsageError("--connections-per-address would bound the proxies, not their clients: leave it to them")
    hooks = webhook_hooks(webhook_url, webhook_secrets)
    connections = _connections(connections)
    if connections_per_address is None:
        # Behind proxies, all addresses are theirs.
        connections_per_address = 0 if trusted_proxies else max(1, connections // 4)
    set_up_log(as_json=log_json)
    _set_up_process()
    with contextlib.ExitStack() as stack:
        # Before a data folder is made: a taken port leaves nothing behind.
        sockets = [stack.enter_context(socket) for socket in listen(host, port)]
        site = stack.enter_context(ChosenSite(data=data).open_folder(make=True))
        config = Config(
            limits=_limits(threads),
            policy=Policy(
                guest_page=guest_page,
                album_names=True,
                popup_origins=popup_origin,
                flood=flood,
                wrong_keys=None if flood is None else WRONG_KEYS,
            ),
            flood_store=flood_store,
            routes=replace(ROUTES, tickets="api/1/tickets") if tickets else ROUTES,
            base_url=base_url,
            trusted_proxies=trusted_proxies,
        )
        component = embedded(
            site,
            guest_key=guest_key,
            config=config,
            hooks=hooks,
            fetcher=HttpFetcher(FetchRules(max_concurrent=_fetches(threads))),
            pages=Pages(site_name=site_name),
        )
        limits = ServerLimits(
            connections=connections,
            connections_per_address=connections_per_address,
            read_timeout=read_timeout,
            body_bytes=body_bytes,
        )
        server, address = create_server(component, sockets, threads=threads, limits=limits)
        try:
            component.warm()
            _greet(site, base_url or address)
            if sweep_minutes:
                component.maintenance.sweep_every(sweep_minutes * 60)
            with _told_events(component):
                run(server, stop_seconds=stop_seconds)
        except KeyboardInterrupt:
            pass
        finally:
            component.close()


@contextlib.contextmanager
def _told_events(component: ChevUpload) -> Iterator[None]:
    """Tell events in a thread, where there are handlers; the one that is told at the end is the last one."""
    ending = threading.Event()
    thread = threading.Thread(target=component.events.watch, args=(ending,), name="chevupload-events", daemon=True)
    if component.context.hooks.on_event:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        if thread.is_alive():
            thread.join()


def _connections(wanted: int) -> int:
    """Return how many connections the system's limit of open files allows, up to ``wanted``."""
    files = wanted * 2 + _OTHER_OPEN_FILES
    open_files = _allow_open_files(files)
    if open_files >= files:
        return wanted
    connections = max(1, (open_files - _OTHER_OPEN_FILES) // 2)
    click.echo(f"The system allows {open_files} open files, which are enough for {connections} connections.", err=True)
    return connections


def _fetches(threads: int) -> int:
    """Return how many threads may fetch URLs: a fourth, for each may take half a minute."""
    return max(1, threads // 4)


def _limits(threads: int) -> Limits:
    """Return limits that leave a thread to answer everything else, however many uploads are under way.

    Each kind needs a thread, so that this takes four.
    """
    others = threads - 1 - _fetches(threads)
    workers = min(Limits().decode_workers, max(1, others - 1))
    return Limits(decode_workers=workers, waiting_uploads=max(1, min(threads // 2, others - workers)))


def _set_up_process() -> None:
    """Set what belongs to the whole process: its signals and its open files."""
    # Ending on SIGTERM as on Ctrl-C lets the site be closed. A shell's background jobs ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def _allow_open_files(count: int) -> int:
    """Use what the system allows, up to ``count``, and return it: many systems start programs with 1024 only."""
    if resource is None:
        return count
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _greet(site: Site, address: str) -> None:
    """Say where the server is and, on a first start, how to use it."""
    click.echo(f"Serving {site.folder} at {address}")
    if site.accounts.list_users():
        return
    # Imported at this one start: Pillow belongs into the workers, not into the server's memory.
    from chevupload.cli.example import write_example  # noqa: PLC0415

    site.accounts.add_user(FIRST_USER, is_admin=True)
    key = site.accounts.add_key(FIRST_USER, label="first key").key
    example = write_example(site.folder / "example.jpg")
    click.echo(f"\nMade the user {FIRST_USER!r} with this key, which is shown only now:\n\n  {key}\n")
    click.echo(f"Upload with it in a browser:\n\n  {address.rstrip('/')}/upload\n")
    account = Account(upload_url=upload_address(address).geturl(), key=key)
    click.echo(f"Or send a picture from here:\n\n  {curl_line(account, str(example))}\n")
