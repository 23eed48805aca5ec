"""An operator sees what a site keeps."""

from __future__ import annotations

import json


def test_by_format_and_by_user(operator_site):
    """Bytes of all files; users by their names, and as many as are asked for."""
    sizes = [sum(upload.sizes.values()) for upload in operator_site.uploads]
    status, output, _ = operator_site.run("stats", "--json", "--users", "1")
    assert (status, json.loads(output)) == (
        0,
        {
            "files": 4,
            "bytes": sum(sizes),
            "formats": [{"format": "PNG", "files": 4, "bytes": sum(sizes)}],
            "users": [{"user_id": operator_site.ann, "user": "ann", "files": 2, "bytes": sum(sizes[:2])}],
        },
    )
    rows = [line.split() for line in operator_site.run("stats")[1].splitlines()]
    found = [row[:2] for row in rows if row]
    assert found[:5] == [["all", "4"], ["FORMAT", "UPLOADS"], ["PNG", "4"], ["USER", "UPLOADS"], ["ann", "2"]]
    assert sorted(found[5:]) == [["bob", "1"], ["guests", "1"]]
    assert "USER" not in operator_site.run("stats", "--users", "0")[1]
