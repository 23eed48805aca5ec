"""Lets a host's Alembic write our column types into its migrations, with the import that they need.

Source: its pages "Autogenerating Custom Operation Directives", for functions that take part in every comparison, and
"Affecting the Rendering of Types Themselves". :func:`chevupload.db.columns.tell_alembic` loads this.
"""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import comparators
from alembic.autogenerate.api import AutogenContext

from chevupload.db.columns import LongText, RenditionsText, ShortText, UtcDateTime


@comparators.dispatch_for("schema")
def render_our_types(context: AutogenContext, *of_comparison: Any) -> None:
    """Have our types rendered here, and everything else by the host's ``render_item`` if it has one."""
    hosts_own = context.opts.get("render_item")

    def render(kind: str, item: Any, context: AutogenContext) -> Any:
        found = hosts_own(kind, item, context) if hosts_own else False
        if found is False and kind == "type" and isinstance(item, LongText | RenditionsText | ShortText | UtcDateTime):
            module = type(item).__module__
            context.imports.add(f"import {module}")
            return f"{module}.{item!r}"
        return found

    context.opts["render_item"] = render
