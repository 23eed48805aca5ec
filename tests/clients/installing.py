"""Installs clients from the registries that pip and npm are set up for, each into an environment of its own.

What is installed stays in pytest's cache, so that it is done once: test processes wait for each other, and a later run
finds it there. An installation that failed leaves nothing behind that looks like one.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import venv

import pytest

SECONDS = 250
"""Longest installation."""


def install(folder, pins):
    """Return the environment in which ``pins`` are installed, or skip the test, with the cause."""
    if pins[0].is_node and not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("clients for Node need node and npm")
    install_into = _install_node if pins[0].is_node else _install_python
    wanted = [requirement for pin in pins for requirement in (pin.requirement, *pin.beside)]
    # The names of some packages of npm have a slash.
    name = "_".join([f"python{sys.version_info.major}.{sys.version_info.minor}", *wanted]).replace("/", "+")
    environment = folder / name
    done = environment / "installed"
    with (folder / f"{environment.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(environment, ignore_errors=True)
            install_into(environment, wanted, [option for pin in pins for option in pin.options])
            done.touch()
    return environment


def _install_python(environment, wanted, options):
    venv.create(environment)
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet"]
    quick = ["--no-compile", "--disable-pip-version-check", "--retries=1", "--timeout=15"]
    _run([*pip, *quick, *options], wanted)


def _install_node(environment, wanted, options):
    environment.mkdir()
    npm = ["npm", "install", f"--prefix={environment}", "--ignore-scripts", "--no-audit", "--no-fund"]
    _run([*npm, "--fetch-retries=1", "--fetch-timeout=15000", *options], wanted)


def _run(command, wanted):
    try:
        done = subprocess.run([*command, *wanted], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{' '.join(wanted)} cannot be installed within {SECONDS} seconds")
    if done.returncode != 0:
        causes = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        pytest.skip(f"{' '.join(wanted)} cannot be installed: {'; '.join(causes[:2]) or done.stderr}")
