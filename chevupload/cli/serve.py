"""``chevupload serve``: a ready server on a data folder, which makes its own first user and key."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import math
import signal
import sys
from typing import TYPE_CHECKING

from chevupload.cli.common import Commands, add_command, add_data_option, text, upload_address
from chevupload.cli.log import set_up_log
from chevupload.cli.sites import open_folder
from chevupload.config import Limits, Policy
from chevupload.errors import ConfigError
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from chevupload.web.api_docs.client_configs import Account, curl_line
from chevupload.web.pages import Pages

if TYPE_CHECKING:
    from chevupload.cli.server import ServerLimits
    from chevupload.data_folder import Site

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

FIRST_USER = "admin"
_OTHER_OPEN_FILES = 500
"""Open files besides those of connections, each of which has a socket and may have a file that is received or sent."""


def add_commands(commands: Commands) -> None:
    """Add ``serve``."""
    parser = add_command(commands, "serve", serve, "run a server on the data folder", site=False, json_output=False)
    add_data_option(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen at; 0 picks a free one (%(default)s)")
    parser.add_argument("--threads", type=int, default=12, help="requests served at a time (%(default)s)")
    parser.add_argument("--connections", type=int, default=2_000, metavar="N", help="clients at a time (%(default)s)")
    parser.add_argument(
        "--connections-per-address",
        type=int,
        metavar="N",
        help="of them, from one address or /64 network of IPv6; 0 for any (a fourth; any with --trusted-proxies)",
    )
    parser.add_argument(
        "--read-timeout",
        type=float,
        default=20,
        metavar="SECONDS",
        help="for the headers of a request, and for each 20 kB of its body at the default (%(default)s)",
    )
    parser.add_argument(
        "--body-bytes", type=int, default=2_000_000_000, metavar="N", help="bodies on disk at a time (%(default)s)"
    )
    parser.add_argument("--guest-key", type=text, metavar="KEY", help="let guests upload with this key")
    parser.add_argument("--guest-page", action="store_true", help="let anybody upload on the page /upload")
    parser.add_argument(
        "--popup-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="a site, such as https://forum.example, that may open that page as a pop-up; may be repeated",
    )
    parser.add_argument("--site-name", default="chevupload", metavar="NAME", help="at the head of each page")
    parser.add_argument("--base-url", metavar="URL", help="the server's address as clients see it")
    parser.add_argument(
        "--trusted-proxies", type=int, default=0, metavar="N", help="proxies in front that set X-Forwarded headers"
    )
    parser.add_argument(
        "--sweep-minutes", type=float, default=10, metavar="N", help="sweep this often; 0 never does (%(default)s)"
    )
    parser.add_argument(
        "--stop-seconds",
        type=float,
        default=30,
        metavar="N",
        help="at its end, let requests under way finish for so long (%(default)s)",
    )
    parser.add_argument("--log-json", action="store_true", help="log in lines of JSON, one for each upload among them")


def serve(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    if importlib.util.find_spec("waitress") is None:
        raise ConfigError("serve needs waitress: pip install 'chevupload[serve]'")
    from chevupload.cli.request_parser import ROUTES  # noqa: PLC0415  # waitress is an extra
    from chevupload.cli.server import create_server, listen  # noqa: PLC0415
    from chevupload.cli.stopping import run  # noqa: PLC0415

    _check(options)
    limits = _server_limits(options)
    set_up_log(as_json=options.log_json)
    _set_up_process()
    with contextlib.ExitStack() as stack:
        # Before a data folder is made: a taken port leaves nothing behind.
        sockets = [stack.enter_context(socket) for socket in listen(options.host, options.port)]
        site = stack.enter_context(open_folder(options, make=True))
        component = site.component(
            guest_key=options.guest_key,
            base_url=options.base_url,
            trusted_proxies=options.trusted_proxies,
            routes=ROUTES,
            limits=_limits(options.threads),
            fetcher=HttpFetcher(FetchRules(max_concurrent=_fetches(options.threads))),
            policy=Policy(guest_page=options.guest_page, popup_origins=tuple(options.popup_origin)),
            pages=Pages(site_name=options.site_name),
        )
        server, address = create_server(component, sockets, threads=options.threads, limits=limits)
        try:
            _greet(site, options.base_url or address)
            if options.sweep_minutes:
                component.maintenance.sweep_every(options.sweep_minutes * 60)
            run(server, stop_seconds=options.stop_seconds)
        except KeyboardInterrupt:
            pass
        finally:
            component.close()
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuse what would make a server that does nothing, or not what was meant."""
    if options.threads < 1:
        raise ConfigError("--threads must be 1 or more")
    if not 0 <= options.stop_seconds < math.inf:
        raise ConfigError("--stop-seconds must be 0 or more")
    if not 0 <= options.sweep_minutes < math.inf:
        raise ConfigError("--sweep-minutes must be 0 or more")
    if options.guest_key == "":
        raise ConfigError("--guest-key must not be empty")


def _server_limits(options: argparse.Namespace) -> ServerLimits:
    """Return the limits that the options name.

    Raises:
        ConfigError: they make no sense, or not together.
    """
    from chevupload.cli.server import ServerLimits  # noqa: PLC0415  # waitress is an extra

    connections, per_address = options.connections, options.connections_per_address
    open_files = _allow_open_files(connections * 2 + _OTHER_OPEN_FILES)
    if open_files < connections * 2 + _OTHER_OPEN_FILES:
        connections = max(1, (open_files - _OTHER_OPEN_FILES) // 2)
        print(
            f"The system allows {open_files} open files, which are enough for {connections} connections.",
            file=sys.stderr,
        )
    if per_address is None:
        # Behind proxies, all addresses are theirs.
        per_address = 0 if options.trusted_proxies else max(1, connections // 4)
    elif per_address and options.trusted_proxies:
        raise ConfigError("--connections-per-address would bound the proxies, not their clients: leave it to them")
    return ServerLimits(
        connections=connections,
        connections_per_address=per_address,
        read_timeout=options.read_timeout,
        body_bytes=options.body_bytes,
    )


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
    print(f"Serving {site.folder} at {address}", flush=True)
    if site.accounts.list_users():
        return
    # Imported at this one start: Pillow belongs into the workers, not into the server's memory.
    from chevupload.cli.example import write_example  # noqa: PLC0415

    site.accounts.add_user(FIRST_USER, is_admin=True)
    key = site.accounts.add_key(FIRST_USER, label="first key").key
    example = write_example(site.folder / "example.jpg")
    print(f"\nMade the user {FIRST_USER!r} with this key, which is shown only now:\n\n  {key}\n")
    print(f"Upload with it in a browser:\n\n  {address.rstrip('/')}/upload\n")
    account = Account(upload_url=upload_address(address).geturl(), key=key)
    print(f"Or send a picture from here:\n\n  {curl_line(account, str(example))}\n", flush=True)
