"""Writes docs/reference.md from the code: ``python -m tests.reference``. ``test_reference.py`` says when to.

What a setting means is the text below its field; what it may be is its kind; what a command does is click's own data.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from chevupload.app import ChevUpload
from chevupload.cli import commands
from chevupload.config import Config
from chevupload.factory import Places
from chevupload.uploads.hooks import Hooks
from chevupload.validation import kind_of
from chevupload.web.pages import Pages

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference.md"

_HEAD = """\
# Reference

Every setting, every part of the component, and every command. This page is made from the code by
`python -m tests.reference`; a test compares them.

## How a setting is written

| where | `max_bytes` is | more |
|---|---|---|
| Python | `ChevUpload(config=Config(limits=Limits(max_bytes=5_000_000)), ...)` | [Embedding](embedding.md) |
| Flask | `CHEVUPLOAD_MAX_BYTES` in `app.config` | [Flask](flask.md) |
| Django | `MAX_BYTES` in the dictionary `CHEVUPLOAD` | [Django](django.md) |
| Pyramid | `chevupload.max_bytes` in the settings | [Pyramid](pyramid.md) |
| Bottle | `chevupload.max_bytes` in `app.config` | [Bottle](bottle.md) |
| PasteDeploy | `max_bytes` in the section | [WSGI](wsgi.md) |
| `component_from` | `{"max_bytes": 5_000_000}` | [Embedding](embedding.md) |

All but Python take texts, too, as ini files and the environment have them: numbers in digits, times in seconds, `true`
or `false`, and words with spaces or commas between them. An empty text is None where a setting may be None, and sets
nothing elsewhere.
"""


def reference() -> str:
    """Return the page."""
    parts = [_HEAD, _places(), *_sections(), _component(), *_commands()]
    return "\n".join(parts)


def _sections() -> Iterator[str]:
    """Yield the settings: those of each part of the Config, its own, and those of the pages."""
    own = []
    for field in fields(Config):
        if "named" in field.metadata:
            yield _section(field.default, f"Config({field.name}={{}})", field.metadata["named"])
        else:
            own.append(field)
    yield _section(Config(), "{}", "{}", only=own)
    yield _section(Pages(), "ChevUpload(pages={})", "{}")


def _section(settings: Any, place: str, named: str, *, only: Any = None) -> str:
    kind = type(settings)
    texts = meanings(kind)
    lines = [f"## {kind.__name__}\n", _plain(_summary(kind)), ""]
    for field in only or fields(kind):
        flat = named.format(field.name)
        python = place.format(f"{kind.__name__}({field.name}=...)")
        expected = kind_of(field).expected
        facts = f"`{python}`: {expected}. By default `{_spelled(field.default)}`."
        lines += [f"### `{flat}`\n", _plain(texts[field.name]), "", *_facts(facts, flat)]
    return "\n".join(lines)


def _places() -> str:
    """Return the settings that say where things are kept."""
    lines = [
        "## Where things are kept\n",
        "These settings have no place in `Config`: in Python, the parts themselves do.\n",
    ]
    for name, text in meanings(Places).items():
        lines += [f"### `{name}`\n", _plain(text), "", *_facts("", name)]
    return "\n".join(lines)


def _facts(python: str, flat: str) -> list[str]:
    hosts = f"Flask `CHEVUPLOAD_{flat.upper()}`, Django `{flat.upper()}`, Pyramid and Bottle `chevupload.{flat}`"
    option = _serve_option(flat)
    return [*([_item(python)] if python else []), _item(f"{hosts}{f', `serve {option}`' if option else ''}"), ""]


def _serve_option(flat: str) -> str | None:
    """Return the option of ``chevupload serve`` that sets this: it is called alike, in the singular for several."""
    for option in commands.commands["serve"].params:
        if option.name in (flat, flat.removesuffix("s")):
            return option.opts[0]
    return None


def _component() -> str:
    lines = ["## ChevUpload\n", "The keywords of the component.\n"]
    found = _arguments(ChevUpload.__init__)
    for name, parameter in inspect.signature(ChevUpload.__init__).parameters.items():
        if name != "self":
            needed = " It has to be given." if parameter.default is parameter.empty else ""
            lines.append(_item(f"`{name}`: {_sentence(found[name])}{needed}"))
    lines += ["", f"## Hooks\n\n{_plain(_summary(Hooks))}\n"]
    lines += [_item(f"`{name}`: {text}") for name, text in meanings(Hooks).items()]
    return "\n".join([*lines, ""])


def _commands() -> Iterator[str]:
    found = list(_leaves(click.Context(commands, info_name="chevupload")))
    records = {ctx: [*_options(ctx)] for ctx in found}
    every = [record for one in records.values() for record in one]
    shared = {record: None for record in every if every.count(record) > len(found) // 2}
    yield "## Commands\n"
    yield "In a host they are the same, as `flask chevupload`, `manage.py chevupload` and `chevupload --app`.\n"
    yield "Most have these options, too:\n"
    yield _table(shared)
    for ctx in found:
        yield f"### `{ctx.command_path}`\n"
        usage = " ".join([ctx.command_path, *ctx.command.collect_usage_pieces(ctx)])
        yield f"{ctx.command.help}\n\n```\n{usage}\n```\n"
        if own := [record for record in records[ctx] if record not in shared]:
            yield _table(own)


def _options(ctx: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the options of a command: how each is written, and what it does."""
    for option in ctx.command.params:
        record = option.get_help_record(ctx)
        if record and isinstance(option, click.Option):
            yield record


def _leaves(ctx: click.Context) -> Iterator[click.Context]:
    if not isinstance(ctx.command, click.Group):
        yield ctx
        return
    for name, command in ctx.command.commands.items():
        yield from _leaves(click.Context(command, info_name=name, parent=ctx))


def _table(records: Any) -> str:
    rows = [f"| `{option}` | {about.replace('|', chr(92) + '|')} |" for option, about in records]
    return "\n".join(["| option | meaning |", "|---|---|", *rows, ""])


def meanings(kind: type[Any]) -> dict[str, str]:
    """Return the text below each field of a dataclass."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr), f"{kind.__name__}.{field.target.id} has no text below it"
            assert isinstance(text.value, ast.Constant)
            found[field.target.id] = text.value.value
    return found


def _arguments(function: Any) -> dict[str, str]:
    """Return the arguments that a docstring tells of, by name."""
    told = inspect.getdoc(function).partition("Args:\n")[2].partition("\n\n")[0]
    return dict(re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", told, re.MULTILINE))


def _summary(kind: type[Any]) -> str:
    return inspect.getdoc(kind).partition("\n\nRaises:")[0]


def _spelled(value: Any) -> str:
    """Return a default as one would write it."""
    if isinstance(value, timedelta):
        return f"timedelta(seconds={value.total_seconds():_.0f})"
    if type(value) is int:
        return f"{value:_}"
    return str(value) if not isinstance(value, str | tuple) else repr(value)


def _sentence(text: str) -> str:
    text = text.strip()
    return text[0].upper() + text[1:]


def _markdown(text: str) -> str:
    """Return a docstring's text as Markdown."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text)
    return " ".join(text.replace("``", "`").split())


def _plain(text: str) -> str:
    return "\n\n".join(_filled(paragraph) for paragraph in text.split("\n\n"))


def _item(text: str) -> str:
    return _filled(text, "- ", "  ")


def _filled(text: str, first: str = "", later: str = "") -> str:
    # Code stays on one line.
    text = re.sub("`[^`]+`", lambda code: code[0].replace(" ", "\0"), _markdown(text))
    filled = textwrap.fill(
        text, 120, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    return filled.replace("\0", " ")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
