"""Processes of a test's own, forked from one that has imported what all of them need.

To import it would take most of the time of a process that does little.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support", "chevupload.db", "pytest"])


def start(function: Callable[..., None], *arguments: Any) -> tuple[BaseProcess, Connection]:
    """Call a function of a module in a new process, with an end of a pipe first; return the process, and the other end.

    Nothing of this process is in it, neither threads nor connections, but what pickle takes there. It ends with
    this process at the latest.
    """
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=function, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours
