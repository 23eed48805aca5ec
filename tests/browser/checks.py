"""What a page keeps to in every state: rules of accessibility, no sideways scroll, a focus that is seen, no motion."""

from __future__ import annotations

from typing import Any

_MOVING = """() => [...document.querySelectorAll("*")].filter((element) => {
    if (!element.checkVisibility()) return false;
    const { animationName, transitionDuration } = getComputedStyle(element);
    return animationName !== "none" || transitionDuration.split(", ").some((time) => parseFloat(time) > 0);
}).map((element) => element.outerHTML.slice(0, 80))"""
_START = """() => {
    document.activeElement.blur();
    scrollTo(0, 0);
    const isOffered = (element) => element.tabIndex >= 0 && !element.disabled && element.checkVisibility()
        && !element.matches("[type=radio]:not(:checked), [type=radio] ~ *");
    const selector = "a[href], button, input, select, textarea, summary, video";
    const root = document.querySelector("dialog[open]") || document;
    window.offered = new Set([...root.querySelectorAll(selector)].filter(isOffered));
    return offered.size;
}"""
_STEP = """() => {
    const element = document.activeElement;
    offered.delete(element);
    // Nothing has the focus between the last control and the first one; a film's controls are the browser's own.
    if (element.matches("html, body, video")) return "";
    const name = element.getAttribute("aria-label") || element.labels?.[0]?.textContent || element.textContent;
    const ring = element.matches("[type=radio], [type=checkbox]") && element.closest("label") || element;
    const { outlineStyle, outlineWidth } = [element, ring].map((one) => getComputedStyle(one))
        .find((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || {};
    const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
    const points = [[left + 3, top + 3], [right - 3, bottom - 3], [left + width / 2, top + height / 2]];
    const isSeen = points.some(([x, y]) => {
        const there = document.elementFromPoint(x, y);
        return there && (element.contains(there) || there.contains(element) && !there.closest(".bar, header"));
    });
    const problem = !outlineStyle ? "has no ring" : !isSeen ? "is covered" : "";
    return problem && `${name.trim().slice(0, 60)} ${problem}`;
}"""


def findings(page: Any) -> list[tuple[str, list[str]]]:
    """Return the rules of axe that the page breaks, contrasts included, each with the elements that do."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]


def is_scrolled_sideways(page: Any) -> bool:
    """Whether the page is wider than its window."""
    is_wider: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return is_wider


def moving(page: Any) -> list[str]:
    """Return the elements with an animation or a transition."""
    found: list[str] = page.evaluate(_MOVING)
    return found


def focus_problems(page: Any) -> list[str]:
    """Press Tab through the whole page; return what cannot be reached, and what does not show that it has the focus."""
    count, problems = page.evaluate(_START), []
    for _ in range(count + 20):
        page.keyboard.press("Tab")
        if problem := page.evaluate(_STEP):
            problems.append(problem)
        if not page.evaluate("offered.size"):
            break
    missed = page.evaluate(
        "[...offered].filter((element) => element.isConnected).map((element) => element.outerHTML.slice(0, 100))"
    )
    return problems + [f"{element} cannot be reached" for element in missed]
