"""Writes docs/reference.md and the sample of a site's file from the code: ``python -m tests.reference``.

``test_reference.py`` says when to.

What a setting means is the text below its field; what it may be is its kind; what a command does is click's own data.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from chevupload.app import ChevUpload
from chevupload.cli import commands
from chevupload.cli.config import plain, toml
from chevupload.cli.serve import OWN_OPTIONS
from chevupload.config import Config
from chevupload.config_reader import Setting, settings_of
from chevupload.site.places import Places
from chevupload.site.stand_alone import CONFIG, PAGES, SERVE
from chevupload.uploads.hooks import Hooks
from chevupload.validation import kind_of
from chevupload.web.pages import Pages

_ROOT = Path(__file__).resolve().parents[1]
PAGE = _ROOT / "docs" / "reference.md"
SAMPLE = _ROOT / "chevupload" / "cli" / "sample.toml"

_HEAD = """\
# Reference

Every setting, every part of the component, and every command. This page is made from the code by
`python -m tests.reference`; a test compares them.

## How a setting is written

| where | `max_bytes` is | more |
|---|---|---|
| TOML | `max_bytes` in the table `[limits]` | [Settings in a file](settings.md) |
| the environment | `CHEVUPLOAD_MAX_BYTES` | [Settings in a file](settings.md) |
| Python | `ChevUpload(config=Config(limits=Limits(max_bytes=5_000_000)), ...)` | [Embedding](embedding.md) |
| Flask | `CHEVUPLOAD_MAX_BYTES` in `app.config` | [Flask](flask.md) |
| Django | `MAX_BYTES` in the dictionary `CHEVUPLOAD` | [Django](django.md) |
| Pyramid | `chevupload.max_bytes` in the settings | [Pyramid](pyramid.md) |
| Bottle | `chevupload.max_bytes` in `app.config` | [Bottle](bottle.md) |
| PasteDeploy | `max_bytes` in the section | [WSGI](wsgi.md) |
| `component_from` | `{"max_bytes": 5_000_000}` | [Embedding](embedding.md) |

All but Python take texts, as ini files and the environment have them: numbers in digits, times in seconds, `true`
or `false`, and words with spaces or commas between them. An empty text is None where a setting may be None, and sets
nothing elsewhere.
"""


_SAMPLE_HEAD = """\
# Settings of a site, with their defaults. Remove the # before what you change.
#
#     chevupload serve --config FILE
#     chevupload user add ann --config FILE      and so on, with every command
#     chevupload config show --config FILE       checks it, and prints what is used
#
# Each setting may also be a variable of the environment, which wins: CHEVUPLOAD_ and its name, behind that of its table
# where several have it: CHEVUPLOAD_MAX_BYTES, CHEVUPLOAD_DATABASE_URL, CHEVUPLOAD_UPLOAD_ROUTE. "env:NAME" is the value
# of any other variable. Keep secrets there: CHEVUPLOAD_SECRET_KEYS, CHEVUPLOAD_DATABASE_URL.
#
# An empty text stands for None: no limit, no such route. Times are in seconds, sizes in bytes.
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
    told = {one.name: text for base in (Places(), Config(), Pages()) for one, text in _told(base)}
    for one in settings_of(Places()):
        lines += [f"### `{one.name}`\n", _plain(told[one.name]), "", *_facts("", one.name)]
    return "\n".join(lines)


def _told(base: Any) -> Iterator[tuple[Setting, str]]:
    """Yield each setting with the text below its field."""
    texts = {"": meanings(type(base))}
    texts |= {one.name: meanings(type(one.default)) for one in fields(base) if "named" in one.metadata}
    for one in settings_of(base):
        yield one, texts[one.table][one.key]


def sample() -> str:
    """Return a site's file with every setting in it, none of which is set."""
    tables: dict[str, list[str]] = {"": [_SAMPLE_HEAD]}
    told = [*_told(Places()), *_told(CONFIG), *((replace(one, table="pages"), text) for one, text in _told(PAGES))]
    for one, text in told:
        expected = "" if one.kind.expected in text else f" Must be {one.kind.expected.replace('a tuple', 'a list')}."
        lines = [
            _commented(f"{_markdown(text).replace('`', '')}{expected}"),
            f"#{one.key} = {toml(plain(one.shown()))}",
            "",
        ]
        tables.setdefault(one.table, []).extend(lines)
    options = {option.name: option for option in commands.commands[SERVE].params}
    for name in OWN_OPTIONS:
        option = options[name]
        default = option.to_info_dict()["default"]
        lines = [_commented(option.help), f"#{name} = {toml(plain(default))}", ""]
        tables.setdefault(SERVE, []).extend(lines)
    return "\n".join(line for table, lines in tables.items() for line in ([f"[{table}]"] if table else []) + lines)


def _commented(text: str) -> str:
    return textwrap.fill(text, 120, initial_indent="# ", subsequent_indent="# ", break_long_words=False)


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
    SAMPLE.write_text(sample(), encoding="utf-8")
