"""What every form of a value shares: it reads, gives its JSON Schema, and says its name for the reference page.

The forms: `scalar_shapes` (one text or number) and `container_shapes` (lists and maps). The keys of the language are
written in these, once: see `pipeline_keys` and `component_keys`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from orchestrator.manifest import scalars
from orchestrator.manifest.context import BAD, Bad, Context, Filled, Spot, describe
from orchestrator.manifest.substitution import SUBSTITUTED
from orchestrator.manifest.tree import Broken, Scalar, Tree
from orchestrator.wording import closest

Schema = dict[str, Any]


class Shape(Protocol):
    """A form that a value can have."""

    def read(self, context: Context, tree: Tree, spot: Spot) -> Any:
        """The value, or BAD after saying why in the context's report."""

    def schema(self) -> Schema:
        """The JSON Schema of what `read` takes, as near as one can say it."""

    def show(self) -> str:
        """Its name, with an article: "a duration, `5s`"."""


def refuse(context: Context, tree: Tree, spot: Spot, expected: str, help: str = "") -> Bad:
    """Say that something else was expected here."""
    if isinstance(tree, Broken):
        return BAD
    found = describe(tree)
    if found in ("nothing", "null"):
        hint = "give it a value, or remove it"
        at = spot.mark if found == "nothing" else tree
        return context.error("empty-value", f"{spot} has no value", at, label=f"expected {expected}", help=hint)
    return context.error("wrong-kind", f"{spot} must be {expected}, not {found}", tree, help=help)


def text_of(context: Context, tree: Tree, spot: Spot, expected: str, *, template: bool = False) -> Filled | Bad:
    """The text that stands there, variables put in; refuses numbers, booleans, null, maps and lists."""
    if not isinstance(tree, Scalar):
        return refuse(context, tree, spot, expected)
    if not isinstance(scalars.scalar_value(tree), str):
        return refuse(context, tree, spot, expected, f'put it in quotes: "{tree.text}"' if tree.text else "")
    filled = context.text(tree, spot, template=template)
    if isinstance(filled, Filled) and "\0" in filled.text:
        return context.error("yaml-character", f"{spot} has a NUL in it", tree, help="remove it")
    return filled


def text_schema(pattern: str = "", **more: Any) -> Schema:
    """The schema of a text with a form; what is substituted cannot be checked before it is."""
    form = {"pattern": f"^(?:{pattern})$|{SUBSTITUTED}"} if pattern else {"minLength": 1}
    return {"type": "string", **form, **more}


def substituted(tree: Tree) -> str:
    """A label for an error about a text that variables were put into; their values are not shown."""
    return "after substitution" if isinstance(tree, Scalar) and "${" in tree.text else ""


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once."""
    return re.compile(pattern)


def not_enforced(context: Context, what: str, at: Tree, help: str) -> Bad:
    """Refuse what the language knows and nothing enforces yet."""
    return context.error("not-enforced", f"{what} is not enforced by this version", at, label="refused", help=help)


def joined(names: Sequence[str], word: str = "or") -> str:
    """Names in backticks, the last one after `word`."""
    quoted = [f"`{name}`" for name in names]
    return f" {word} ".join(filter(None, [", ".join(quoted[:-1]), *quoted[-1:]]))


def nearest(word: str, options: Sequence[str]) -> str:
    """The option that a word was probably meant to be, in whatever case and with `_` for `-`; or nothing."""
    return closest(word.lower().replace("_", "-"), options)
