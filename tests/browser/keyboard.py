"""Moving through a page with the keyboard, and what has the focus, as assistive technology names it."""

from __future__ import annotations

from typing import Any


def focused(page: Any) -> str:
    """Say what has the focus."""
    name: str = page.evaluate(
        "(e => e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent)(document.activeElement)"
    )
    return name.strip()


def tab_to(page: Any, name: str) -> None:
    """Press Tab until ``name`` has the focus."""
    for _ in range(30):
        if focused(page) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name!r}")
