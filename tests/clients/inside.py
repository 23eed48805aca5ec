"""Runs one command where chosen host names lead to the server under test, and nothing else can be reached.

Knows the standard library only, and Linux. The command ``unshare`` starts it, in namespaces that end with it: the
loopback interface there is its own, so that port 443 is free, and so is /etc/hosts. What arrives at the port goes on,
byte for byte, to the Unix socket on which the server listens outside: TLS is between the client and the server.

    python inside.py SOCKET HOST,HOST COMMAND ...
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading

SET_FLAGS, UP = 0x8914, 1
"""``SIOCSIFFLAGS`` and ``IFF_UP`` of netdevice(7)."""


def start_loopback():
    """Switch the loopback interface on, which is off in a new namespace."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))


def name(hosts):
    """Let the names lead to this machine, for the system's resolver and all who ask it."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.writelines(f"127.0.0.1 {host}\n" for host in ("localhost", *hosts))
        file.flush()
        subprocess.run(["mount", "--bind", file.name, "/etc/hosts"], check=True)


def pass_on(source, target):
    """Hand on what comes, to its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


class Door(socketserver.BaseRequestHandler):
    """One connection of the client, and its other half outside."""

    def handle(self):
        """Hand on in both directions until both are at their end."""
        with socket.socket(socket.AF_UNIX) as outside:
            outside.connect(sys.argv[1])
            back = threading.Thread(target=pass_on, args=(outside, self.request), daemon=True)
            back.start()
            pass_on(self.request, outside)
            back.join()


class Doors(socketserver.ThreadingTCPServer):
    """The port, which holds nobody up at the end."""

    daemon_threads = True


if __name__ == "__main__":
    start_loopback()
    name(sys.argv[2].split(","))
    with Doors(("127.0.0.1", 443), Door) as doors:
        threading.Thread(target=doors.serve_forever, daemon=True).start()
        status = subprocess.run(sys.argv[3:], check=False).returncode
        doors.shutdown()
    sys.exit(status)
