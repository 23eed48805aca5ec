"""``chevupload serve``: a ready server, which in a new data folder makes its own first user and key."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chevupload.cli.log import set_up_log
from chevupload.cli.sites import ChosenSite
from chevupload.cli.values import KEY, LINE, NUMBER, SECONDS, setting, upload_address
from chevupload.config import STORE, Limits
from chevupload.errors import CatalogError, ConfigError
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from chevupload.filesystem import local_path
from chevupload.policy.flood import FLOOD
from chevupload.validation import BASE_URL, ORIGIN
from chevupload.web.api_docs.client_configs import Account, curl_line

if TYPE_CHECKING:
    from chevupload.app import ChevUpload
    from chevupload.db.accounts import Accounts
    from chevupload.site.stand_alone import SiteSettings

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

FIRST_USER = "admin"
_LEAST_BODY_BYTES = 1_000_000
"""With less room for bodies, hardly a picture would fit."""
_OTHER_OPEN_FILES = 500
"""Open files besides those of connections, each of which has a socket and may have a file that is received or sent."""


_PREFIX = "CHEVUPLOAD_SERVE_"
OWN_OPTIONS = (
    *("host", "port", "threads", "connections", "connections_per_address", "read_timeout", "body_bytes"),
    *("sweep_minutes", "stop_seconds", "log_json"),
)
"""The options of the server itself; the others are settings of its component, and called like them."""


def _read_config(ctx: click.Context, param: click.Parameter, file: str | None) -> str | None:
    """Take the file's table ``serve`` for what the command line and the environment leave open."""
    ctx.default_map = serve_defaults(ctx.command, ChosenSite(config=file).settings())
    return file


def serve_defaults(command: click.Command, settings: SiteSettings) -> dict[str, Any]:
    """Return what a file says of the options of ``serve`` that are no settings of a component.

    Raises:
        ConfigError: an unknown key, or a value that an option cannot have; or an unknown variable.
    """
    for variable in os.environ:
        if variable.startswith(_PREFIX) and variable.removeprefix(_PREFIX).lower() not in OWN_OPTIONS:
            raise ConfigError(f"there is no setting for the variable {variable}")
    ctx = click.Context(command)
    options = {param.name: param for param in command.params if param.name in OWN_OPTIONS}
    found = {}
    for key, value in settings.serve.items():
        place = f"{settings.name}: serve.{key}"
        if (option := options.get(key)) is None:
            raise ConfigError(f"{place}: unknown key; there are {', '.join(OWN_OPTIONS)}")
        if value == "":
            continue
        try:
            found[key] = option.type_cast_value(ctx, str(value))
        except click.BadParameter as error:
            raise ConfigError(f"{place}: {error.message}") from None
    return found


@click.command(
    "serve",
    help="Run a server on a site: on a data folder, or by the settings in a file and in the environment.",
    context_settings={"auto_envvar_prefix": _PREFIX.rstrip("_")},
)
@click.option("--data", "folder", metavar="FOLDER", help="Data folder.  [default: ./chevupload-data]")
@click.option(
    "--config",
    metavar="FILE",
    is_eager=True,
    callback=_read_config,
    envvar="CHEVUPLOAD_CONFIG",
    show_envvar=True,
    help="Settings, in TOML. What is given here or in the environment wins.",
)
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
    "popup_origins",
    type=setting("origin", ORIGIN),
    multiple=True,
    help="A site, such as https://forum.example, that may open that page as a pop-up; may be repeated.",
)
@click.option(
    "--tickets",
    "tickets_route",
    flag_value="api/1/tickets",
    help="Make tickets at /api/1/tickets, for keys with that scope.",
)
@click.option("--site-name", type=LINE, help="At the head of each page.  [default: chevupload]")
@click.option("--base-url", type=setting("url", BASE_URL), help="The server's address as clients see it.")
@click.option(
    "--trusted-proxies", type=click.IntRange(0), help="Proxies in front that set X-Forwarded headers.  [default: 0]"
)
@click.option(
    "--flood",
    type=setting("limits", FLOOD),
    help="Uploads of a user, or of an address without one; off for no limit, as an admin has.  "
    "[default: minute=50 hour=500 day=1000 week=5000 month=10000]",
)
@click.option(
    "--flood-store",
    type=setting("url", STORE),
    help="Where they are counted: in memory, or in a Redis, such as redis://127.0.0.1:6379/1.  [default: memory://]",
)
@click.option("--sweep-minutes", type=NUMBER, default=10.0, show_default=True, help="Sweep this often; 0 never does.")
@click.option(
    "--stop-seconds",
    type=NUMBER,
    default=30.0,
    show_default=True,
    help="At its end, let requests under way finish for so long.",
)
@click.option(
    "--webhook-url", help="Send what happens to uploads there. Commands beside the server send nothing by it."
)
@click.option(
    "--webhook-secret",
    "webhook_secrets",
    multiple=True,
    help="Signs events: whsec_ and base64. Two while it is exchanged.",
)
@click.option("--log-json", is_flag=True, help="Log in lines of JSON, one for each upload among them.")
@click.pass_context
def serve(
    ctx: click.Context,
    /,
    *,
    config: str | None,
    host: str,
    port: int,
    threads: int,
    connections: int,
    connections_per_address: int | None,
    read_timeout: float,
    body_bytes: int,
    sweep_minutes: float,
    stop_seconds: float,
    log_json: bool,
    **settings: Any,
) -> None:
    """Serve until interrupted."""
    if importlib.util.find_spec("waitress") is None:
        raise ConfigError("serve needs waitress: pip install 'chevupload[serve]'")
    from chevupload.cli.server import ServerLimits, create_server, listen  # noqa: PLC0415  # waitress is an extra
    from chevupload.cli.stopping import run  # noqa: PLC0415
    from chevupload.db.accounts import Accounts  # noqa: PLC0415  # SQLAlchemy comes with it
    from chevupload.site.stand_alone import effective, site_settings, stand_alone  # noqa: PLC0415  # SQLAlchemy

    given = {
        name: value for name, value in settings.items() if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    }
    site = site_settings(config, **given)
    limits = limits_of(threads)
    # Whatever is wrong with them is said before anything is started.
    values = {one.name: one.value for one in effective(site, limits)}
    if connections_per_address and values["trusted_proxies"]:
        raise click.UsageError("--connections-per-address would bound the proxies, not their clients: leave it to them")
    connections = _connections(connections)
    if connections_per_address is None:
        # Behind proxies, all addresses are theirs.
        connections_per_address = 0 if values["trusted_proxies"] else max(1, connections // 4)
    set_up_log(as_json=log_json)
    _set_up_process()
    with contextlib.ExitStack() as stack:
        # Before a data folder is made: a taken port leaves nothing behind.
        sockets = [stack.enter_context(socket) for socket in listen(host, port)]
        component = stand_alone(
            site,
            limits=limits,
            fetcher=HttpFetcher(FetchRules(max_concurrent=_fetches(threads))),
        )
        stack.callback(component.own_database.engine.dispose)
        stack.callback(component.close)
        accounts = Accounts(component.own_database)
        is_new = not _has_users(accounts, site)
        server_limits = ServerLimits(
            connections=connections,
            connections_per_address=connections_per_address,
            read_timeout=read_timeout,
            body_bytes=body_bytes,
        )
        server, address = create_server(component, sockets, threads=threads, limits=server_limits)
        try:
            component.warm()
            # Behind a service, what is printed stays in its log, where a key has no place.
            is_service = bool(config or site.sources.get("folder")) and not sys.stdout.isatty()
            makes_key = "folder" in given or not is_service
            _greet(accounts, site, values["base_url"] or address, is_new=is_new, makes_key=makes_key)
            if sweep_minutes:
                component.maintenance.sweep_every(sweep_minutes * 60)
            with _told_events(component):
                run(server, stop_seconds=stop_seconds)
        except KeyboardInterrupt:
            pass


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


def limits_of(threads: int) -> Limits:
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


def _has_users(accounts: Accounts, site: SiteSettings) -> bool:
    """Whether this is no first start.

    Raises:
        ConfigError: the database is away, or has no tables.
    """
    try:
        return bool(accounts.list_users())
    except CatalogError as error:
        raise ConfigError(f"{site.name}: {error}") from error


def _greet(accounts: Accounts, site: SiteSettings, address: str, *, is_new: bool, makes_key: bool) -> None:
    """Say where the server is, and on a first start how to begin.

    With ``makes_key``, a new site in a folder gets a user, a key, which is printed, and a picture to upload.
    """
    click.echo(f"Serving {site.name} at {address}")
    if not is_new:
        return
    folder = site.values.get("folder")
    if not makes_key or site.values.get("database_url") or not folder:
        # Several servers may have that database, and start at the same time.
        click.echo("There are no users yet: chevupload user add NAME, and chevupload key add NAME")
        return
    # Imported at this one start: Pillow belongs into the workers, not into the server's memory.
    from chevupload.cli.example import write_example  # noqa: PLC0415

    accounts.add_user(FIRST_USER, is_admin=True)
    key = accounts.add_key(FIRST_USER, label="first key").key
    example = write_example(local_path(folder) / "example.jpg")
    click.echo(f"\nMade the user {FIRST_USER!r} with this key, which is shown only now:\n\n  {key}\n")
    click.echo(f"Upload with it in a browser:\n\n  {address.rstrip('/')}/upload\n")
    account = Account(upload_url=upload_address(address).geturl(), key=key)
    click.echo(f"Or send a picture from here:\n\n  {curl_line(account, str(example))}\n")
