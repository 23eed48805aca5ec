"""Looks at every page in every state, width, theme and direction: ``python -m tests.browser.matrix``.

Names of scenes behind it look at these alone. The tests look at each state at two widths; this takes some minutes, and
presses Tab through every page, too. It ends with 1 when it has found something.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.browser.checks import findings, focus_problems, is_scrolled_sideways, moving
from tests.browser.chromium import started
from tests.browser.scenes import SCENES, Sites, Stage, sites

WINDOWS: dict[int, dict[str, Any]] = {
    320: {"has_touch": True, "is_mobile": True},
    375: {"has_touch": True, "is_mobile": True},
    1280: {},
}
_SMALL = """() => [...document.querySelectorAll("a, button, input, select, textarea, summary")].filter((element) => {
    const { width, height } = (element.closest("label") || element).getBoundingClientRect();
    const isInText = getComputedStyle(element).display === "inline" || element.matches("p > .bare");
    if (element.matches("[type=checkbox], .unseen, .skip")) return false;
    return element.checkVisibility() && width && !isInText && Math.min(width, height) < 43.5;
}).map((element) => element.outerHTML.slice(0, 100))"""


def looked_at(served: Sites, browser: Any, name: str, width: int) -> list[str]:
    """Return what is wrong with a scene at a width."""
    found = []
    context = browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce", **WINDOWS[width])
    page = context.new_page()
    page.on("pageerror", lambda error: found.append(f"raised {error}"))
    page.on("console", lambda said: found.append(said.text) if "Content Security Policy" in said.text else None)
    page.set_default_timeout(90_000)
    SCENES[name](scene := Stage(served, page))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for direction in ("ltr", "rtl"):
            page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
            found += [f"{scheme}, {direction}: {rule} {nodes}" for rule, nodes in findings(page)]
            if is_scrolled_sideways(page):
                found.append(f"{direction}: is scrolled sideways")
    page.evaluate("document.documentElement.dir = 'ltr'")
    found += [f"moves: {element}" for element in moving(page)]
    if WINDOWS[width]:
        found += [f"is hard to touch: {element}" for element in page.evaluate(_SMALL)]
    found += focus_problems(page)
    scene.gate.open()
    context.close()
    return found


def main() -> int:
    """Look at all of them, say what is wrong with each, and count."""
    names, count = sys.argv[1:] or [*SCENES], 0
    with tempfile.TemporaryDirectory() as work, sites(Path(work)) as served, started() as browser:
        for name in names:
            for width in WINDOWS:
                found = looked_at(served, browser, name, width)
                count += len(found)
                print(name, width, "; ".join(found) or "good", flush=True)
    print(f"{len(names)} states x {len(WINDOWS)} widths x 2 themes x 2 directions: {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
