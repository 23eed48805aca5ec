"""The tables of ``docs/formats.md``, each cell of which comes from an upload to a component.

    python -m tests.formats.page

writes them into the page, from the top folder and with the extra ``test``; a test compares the page with them.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from chevupload.config import Policy
from tests.formats import outcome
from tests.formats.samples import VARIANTS, strangers
from tests.support import ROOT, Stand, file

PAGE = ROOT / "docs" / "formats.md"


def tables(folder: Path) -> dict[str, str]:
    """Make every table by its name in the page; ``folder`` is for the components' files."""
    stands = []
    for name, policy in (("keeping", Policy()), ("removing", Policy(keep_exif=False))):
        (folder / name).mkdir()
        stands.append(Stand(folder / name, policy=policy))
    keeping, removing = stands
    try:
        return {
            "stored": _table(
                ("file", "stored as", "thumb", "medium", "frame", "animated", "duration"),
                ([variant.name, *outcome.stored(outcome.uploaded(keeping, variant.plain()))] for variant in VARIANTS),
            ),
            "looks": _table(
                ("file", "orientation", "transparency", "profile of the original", "profile of thumb, medium, frame"),
                (
                    [
                        variant.name,
                        outcome.turned(keeping, variant),
                        outcome.transparent(keeping, variant),
                        *outcome.profiled(keeping, variant),
                    ]
                    for variant in VARIANTS
                    if variant.features
                ),
            ),
            "metadata": _table(
                ("file", "kept", "in thumb, medium, frame", "left when removed", "then stored as"),
                (
                    [variant.name, *outcome.told(keeping, removing, variant)]
                    for variant in VARIANTS
                    if variant.has("metadata")
                ),
            ),
            "refused": _table(
                ("file", "status", "code", "message"),
                ([name, *_refusal(keeping, content)] for name, content in strangers().items()),
            ),
        }
    finally:
        for stand in stands:
            stand.component.close()


def _refusal(stand: Stand, content: bytes) -> list[str]:
    answer = stand.send({"source": file(content, "sample")})
    error = answer.json["error"]
    return [str(answer.status_code), str(error["code"]), error["message"]]


def _table(head: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def filled(page: str, made: dict[str, str]) -> str:
    """Return the page with its tables, each of which follows a comment with its name, made anew."""
    for name, table in made.items():
        place = re.compile(rf"(<!-- table: {name} -->\n\n)(?:\|.*\n)*\n?")
        page, count = place.subn(rf"\g<1>{table}\n\n", page)
        assert count == 1, name
    return page


def main() -> None:
    """Write the tables into the page."""
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(filled(PAGE.read_text(), tables(Path(folder))))


if __name__ == "__main__":
    main()
