"""`${NAME}` in values: from what the operator allows, and nothing else; `${inputs.x}` where a grant may say it.

What is put in is text: it is never read as YAML again. `$${` stands for `${` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

_MARK = re.compile(r"\$(\$\{|\{([^}]*)(\}?))")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INPUT = re.compile(r"inputs\.([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")
SUBSTITUTED: Final = r"\$\{"
"""A pattern that finds a substitution, or its escape."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text: as it is (`text`), a variable or an input to be put in, or a fault (`value` says which)."""

    kind: Literal["text", "variable", "input", "fault"]
    value: str
    start: int
    end: int


def parts(text: str) -> Iterator[Part]:
    """The text taken apart, its escapes undone."""
    at = 0
    for found in _MARK.finditer(text):
        if found.start() > at:
            yield Part("text", text[at : found.start()], at, found.start())
        yield _part(found)
        at = found.end()
    if at < len(text):
        yield Part("text", text[at:], at, len(text))


def _part(found: re.Match[str]) -> Part:
    start, end = found.span()
    if found[1] == "${":
        return Part("text", "${", start, end)
    if not found[3]:
        return Part("fault", "`${` without its `}`", start, end)
    if _VARIABLE.fullmatch(found[2]):
        return Part("variable", found[2], start, end)
    if inner := _INPUT.fullmatch(found[2]):
        return Part("input", inner[1], start, end)
    return Part("fault", f"`{found[0]}` names neither a variable nor an input", start, end)


def escape(text: str) -> str:
    """A text that stands for `text` where substitution is done."""
    return text.replace("${", "$${")


def inputs_of(template: str) -> tuple[str, ...]:
    """The inputs that a grant's text names, each once, in their order."""
    return tuple(dict.fromkeys(part.value for part in parts(template) if part.kind == "input"))


def fill(template: str, inputs: Mapping[str, str] | Callable[[str], str]) -> str:
    """A grant's text with the values of the inputs put in, escapes undone.

    Arguments:
        template: as `model.Storage.path` and `model.Http.url` hold it; variables were put in when it was read.
        inputs: the text of each input, or a function that gives it.
    """
    value = inputs if callable(inputs) else inputs.__getitem__
    return "".join(value(part.value) if part.kind == "input" else _literal(template, part) for part in parts(template))


def _literal(template: str, part: Part) -> str:
    return part.value if part.kind == "text" else template[part.start : part.end]
