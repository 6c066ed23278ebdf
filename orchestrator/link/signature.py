"""The signature of a Python function given as WIT text: `func(question: string, limit: u32) -> list<string>`."""

from __future__ import annotations

import re

from orchestrator.errors import WitError
from orchestrator.interface import parse_type
from orchestrator.interface.types import Field, Function, Type

LONGEST = 20_000
"""Characters of a signature."""
_HEAD = re.compile(r"\s*func\s*\(")
_PARAMETER = re.compile(r"\s*%?([a-zA-Z][a-zA-Z0-9-]*)\s*:(?!\s*$)")
_EXPECTED = "`func(name: type, ...) -> type`"


def parse_signature(text: str, name: str) -> Function:
    """The function of that name with the signature that the text says; types may be `package:name/interface.type`.

    Raises `WitError`.
    """
    if len(text) > LONGEST:
        raise WitError(f"a signature of {len(text)} characters; at most {LONGEST} are read")
    head = _HEAD.match(text)
    if head is None:
        raise WitError("a signature begins with `func(`", expected=_EXPECTED)
    inside, rest = _closed(text[head.end() :])
    params = tuple(_parameter(part) for part in _commas(inside))
    names = [parameter.name for parameter in params]
    if len(set(names)) < len(names):
        raise WitError("two parameters have the same name", expected=_EXPECTED)
    return Function(name, params, _result(rest))


def _closed(text: str) -> tuple[str, str]:
    """What stands before the parenthesis that closes, and after it."""
    depth = 0
    for at, char in enumerate(text):
        if char == ")" and depth == 0:
            return text[:at], text[at + 1 :]
        depth += (char == "(") - (char == ")")
    raise WitError("the parenthesis after `func` is never closed", expected=_EXPECTED)


def _commas(text: str) -> list[str]:
    """The parts between commas that stand in no brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char in "<{(") - (char in ">})")
        if char == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    last = text[start:]
    return [*parts, last] if last.strip() else parts


def _parameter(text: str) -> Field:
    found = _PARAMETER.match(text)
    if found is None:
        raise WitError(f"`{text.strip()[:60]}` is no parameter", expected="a name in kebab-case, a colon and a type")
    return Field(found[1], parse_type(text[found.end() :].strip()))


def _result(text: str) -> Type | None:
    rest = text.strip().removesuffix(";").strip()
    if not rest:
        return None
    if not rest.startswith("->"):
        raise WitError(f"expected `->` or nothing after the parameters, found `{rest[:60]}`", expected=_EXPECTED)
    return parse_type(rest[2:].strip())
