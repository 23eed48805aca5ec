"""What ShareX does with a ``.sxcu`` file, written from its guide to custom uploaders and from nothing of ours."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import requests

from tests.support import SECONDS

_DATE = {"%y": "%Y", "%mo": "%m", "%d": "%d", "%h": "%H", "%mi": "%M", "%s": "%S"}


class Result:
    """What ShareX shows after an upload: links, or errors."""

    def __init__(self, url: str = "", thumbnail: str = "", deletion: str = "", errors: tuple[str, ...] = ()) -> None:
        self.url, self.thumbnail, self.deletion, self.errors = url, thumbnail, deletion, errors


def upload(settings: Path, picture: Path) -> Result:
    """Send ``picture`` as the custom uploader in the file ``settings`` says."""
    item = json.loads(settings.read_text())
    major = int(item["Version"].split(".")[0])
    assert major >= 14, "older settings are rewritten from the syntax with dollars"
    assert set(item["DestinationType"].split(", ")) <= {"ImageUploader", "TextUploader", "FileUploader"}
    assert item["Body"] == "MultipartFormData"
    with picture.open("rb") as file:
        response = requests.request(
            item["RequestMethod"],
            expand(item["RequestURL"], None),
            params={name: expand(value, None, dates=True) for name, value in item.get("Parameters", {}).items()},
            headers={name: expand(value, None, dates=True) for name, value in item.get("Headers", {}).items()},
            data={name: expand(value, None, dates=True) for name, value in item.get("Arguments", {}).items()},
            files={item["FileFormName"]: (picture.name, file, "application/octet-stream")},
            timeout=SECONDS,
        )
    if not response.ok:
        return Result(errors=(expand(item["ErrorMessage"], response),))
    links = (expand(item.get(name, ""), response) for name in ("URL", "ThumbnailURL", "DeletionURL"))
    return Result(*links)


def expand(text: str, response: requests.Response | None, *, dates: bool = False) -> str:
    """Evaluate ``{function:parameter|parameter}``; a backslash makes the next character an ordinary one."""
    if dates:
        text = re.sub(r"\\.|%(?:mo|mi|[ydhs])", lambda found: _moment(found.group()), text)
    value, rest = _parse(text, response, in_braces=False)
    assert rest == "", f"ShareX would drop {rest!r}"
    return value


def _moment(text: str) -> str:
    return time.strftime(_DATE[text]) if text in _DATE else text


def _parse(text: str, response: requests.Response | None, *, in_braces: bool) -> tuple[str, str]:
    """Return what comes before the end of this level, and what comes after."""
    value, parameters = "", []
    while text:
        character, text = text[0], text[1:]
        if character == "\\":
            value, text = value + text[:1], text[1:]
        elif character == "{":
            inner, text = _parse(text, response, in_braces=True)
            value += inner
        elif character == "}" and in_braces:
            return _call(value, parameters, response), text
        elif character in ":|" and in_braces and (character == "|" or not parameters):
            if not parameters:
                name, value = value, ""
                parameters.append(name)
            else:
                parameters.append(value)
                value = ""
        elif character in "}|":
            return value, character + text
        else:
            value += character
    assert not in_braces, "a brace is not closed"
    return value, ""


def _call(last: str, before: list[str], response: requests.Response | None) -> str:
    name, *parameters = [*before, last]
    assert response is not None, f"{name} is of no use before the answer"
    if name == "response":
        return response.text
    if name == "header":
        return response.headers.get(parameters[0], "")
    assert name == "json", f"no function of ShareX: {name}"
    return _select(response.json(), parameters[-1])


def _select(document: Any, path: str) -> str:
    """Follow a JSON path of members and indexes; what is not there, or null, is an empty text."""
    for member, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            document = document[int(index) if index else member]
        except (KeyError, IndexError, TypeError):
            return ""
    return "" if document is None else str(document)
