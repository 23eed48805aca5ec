"""The tables of ``docs/formats.md``, each cell of which comes from an upload to a component.

    python -m tests.formats.page

writes them into the page, from the top folder and with the extra ``test``; a test compares the page with them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from chevupload.config import Originals
from tests.appearance.cases import CASES, EXPECTED, Case
from tests.appearance.looks import distance, look, opened, square_look
from tests.formats import outcome
from tests.formats.samples import VARIANTS, oddities, strangers
from tests.support import ROOT, Stand, file

PAGE = ROOT / "docs" / "formats.md"
Lines: TypeAlias = Iterator[list[str]]


def table(name: str, folder: Path) -> str:
    """Make one table by its name in the page; ``folder`` is for the components' files."""
    stands = []
    for originals in (Originals(), Originals(keep_exif=False)):
        place = folder / f"{name}-{len(stands)}"
        place.mkdir()
        stands.append(Stand(place, originals=originals))
    try:
        head, *rows = TABLES[name](*stands)
    finally:
        for stand in stands:
            stand.component.close()
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows))


def _stored(keeping: Stand, removing: Stand) -> Lines:
    yield ["file", "stored as", "thumb", "medium", "frame", "animated", "duration"]
    for variant in VARIANTS:
        yield [variant.name, *outcome.stored(outcome.uploaded(keeping, variant.plain()))]


def _looks(keeping: Stand, removing: Stand) -> Lines:
    yield ["file", "orientation", "transparency", "profile of the original", "profile of thumb, medium, frame"]
    for variant in VARIANTS:
        if variant.features:
            seen = (outcome.turned(keeping, variant), outcome.transparent(keeping, variant))
            yield [variant.name, *seen, *outcome.profiled(keeping, variant)]


def _appearance(keeping: Stand, removing: Stand) -> Lines:
    yield ["file", "what is easily missed", "stored as", "shown like the original"]
    for case in CASES:
        seen = outcome.uploaded(keeping, case.content)
        kept = "untouched" if seen.is_untouched else "written anew"
        yield [case.format, case.about, f"`.{seen.image['extension']}`, {kept}", _likeness(case, seen)]


def _likeness(case: Case, seen: outcome.Outcome) -> str:
    """Tell which of the pictures look as the browser shows the file."""
    expected = EXPECTED[case.name]
    pictures = dict(seen.derived) if seen.is_untouched else seen.derived | {"original": seen.original}
    likes = {
        name: distance(square_look(opened(data)), expected["square"]) < case.tolerance
        if name == "thumb"
        else distance(look(opened(data)), expected["whole"]) < case.tolerance
        for name, data in pictures.items()
    }
    wrong = [name for name, is_like in likes.items() if not is_like]
    return f"wrong: {', '.join(wrong)}" if wrong else ", ".join(likes)


def _metadata(keeping: Stand, removing: Stand) -> Lines:
    yield ["file", "kept", "in thumb, medium, frame", "left when removed", "then stored as"]
    for variant in VARIANTS:
        if variant.has("metadata"):
            yield [variant.name, *outcome.told(keeping, removing, variant)]


def _rare(keeping: Stand, removing: Stand) -> Lines:
    yield ["file", "stored as", "animated", "without metadata"]
    for name, content in oddities().items():
        kept, removed = outcome.uploaded(keeping, content), outcome.uploaded(removing, content)
        told, *_, animated, _ = outcome.stored(kept)
        yield [name, told, animated, outcome.stored(removed)[0]]


def _refused(keeping: Stand, removing: Stand) -> Lines:
    yield ["file", "status", "code", "message"]
    for name, content in strangers().items():
        answer = keeping.send({"source": file(content, "sample")})
        error = answer.json["error"]
        yield [name, str(answer.status_code), str(error["code"]), error["message"]]


TABLES: dict[str, Callable[[Stand, Stand], Lines]] = {
    "stored": _stored,
    "looks": _looks,
    "appearance": _appearance,
    "metadata": _metadata,
    "rare": _rare,
    "refused": _refused,
}


def filled(page: str, name: str, made: str) -> str:
    """Return the page with one of its tables, which follows a comment with its name, made anew."""
    place = re.compile(rf"(<!-- table: {name} -->\n\n)(?:\|.*\n)*\n?")
    page, count = place.subn(rf"\g<1>{made}\n\n", page)
    assert count == 1, name
    return page


def main() -> None:
    """Write the tables into the page."""
    page = PAGE.read_text()
    with tempfile.TemporaryDirectory() as folder:
        for name in TABLES:
            page = filled(page, name, table(name, Path(folder)))
    PAGE.write_text(page)


if __name__ == "__main__":
    main()
