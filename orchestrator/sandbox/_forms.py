"""Python annotations as forms of JSON: what a tool is given and gives.

What WIT has a type for is read and written as an edge would (see `link.annotations`). Beside that a tool may take and
give what only JSON has: `dict`, `dict[str, T]`, `list`, `Any`; a value without an annotation is of any form.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import ValueMismatch
from orchestrator.interface import from_json, json_schema, to_json
from orchestrator.link.annotations import DEEPEST, NoType, form_of

_CONTAINERS = {dict: "object", Mapping: "object", list: "array"}


_UNKNOWN = re.compile("Object of type (.*) is not JSON serializable")
_NUMBERS = "nan, inf, -inf, or an integer of more than 4,300 digits"
"""What JSON, or Python, writes no number for."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of a value.

    Arguments:
        schema: its JSON Schema.
        read: gives the Python value of what JSON has, at a path that an error is to name.
        write: gives what JSON has of a Python value, likewise.
    """

    schema: Mapping[str, Any]
    read: Callable[[Any, str], Any]
    write: Callable[[Any, str], Any]


def json_text(value: Any, path: str) -> str:
    """A value as JSON.

    Raises:
        ValueMismatch: JSON has no form for it, or for a part of it.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if not text.isascii():
            text.encode()
    except RecursionError:
        found = "one that nests too deep"
    except UnicodeEncodeError:
        found = "a text with half of a pair of UTF-16"
    except TypeError as problem:
        kind = _UNKNOWN.search(str(problem))
        found = f"a Python {kind[1]}" if kind else _first_line(problem)
    except ValueError as problem:
        found = "one that holds itself" if "ircular" in str(problem) else _NUMBERS
    else:
        return text
    raise ValueMismatch(path, "a value that JSON has a form for", found)


def _plain(value: Any, path: str) -> Any:
    """A value of which JSON has all parts."""
    json_text(value, path)
    return value


def _first_line(problem: Exception) -> str:
    """What was found, as an exception says it; that of a text with half a pair quotes all of the text."""
    if isinstance(problem, UnicodeEncodeError):
        return "a text with half of a pair of UTF-16"
    return str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__


ANYTHING = Shape({}, lambda value, _path: value, _plain)


def shape_of(hint: Any, depth: int = 0) -> Shape:
    """The shape of an annotation whose names are resolved.

    Raises:
        NoType: it has none.
    """
    if hint is Any or hint is object:
        return ANYTHING
    try:
        form = form_of(hint)
    except NoType:
        found = _of_json(hint, depth)
        if found is None:
            raise
        return found
    type_ = form.type
    return Shape(
        json_schema(type_),
        lambda value, path: form.load(from_json(type_, value, path)),
        lambda value, path: to_json(type_, form.dump(value), path),
    )


def _of_json(hint: Any, depth: int) -> Shape | None:
    """The shape of what JSON alone has a form for; None where it has not."""
    if depth > DEEPEST:
        return None
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    try:
        kind = _CONTAINERS.get(origin or hint) or _CONTAINERS.get({typing.Mapping: Mapping}.get(hint, origin))
    except TypeError:
        return None
    if kind == "object" and (not inside or inside[0] is str):
        return _object(shape_of(inside[1], depth + 1) if inside else ANYTHING)
    if kind == "array" and len(inside) < 2:
        return _array(shape_of(inside[0], depth + 1) if inside else ANYTHING)
    if origin in (typing.Union, types.UnionType):
        return _optional(inside, depth)
    return None


def _object(member: Shape) -> Shape:
    def each(value: Any, path: str, part: Callable[[Any, str], Any]) -> dict[str, Any]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise ValueMismatch(path, "an object with texts for keys", _shown(value))
        return {key: part(item, f"{path}.{key}") for key, item in value.items()}

    schema = {"type": "object"} | ({"additionalProperties": member.schema} if member.schema else {})
    return Shape(schema, lambda v, path: each(v, path, member.read), lambda v, path: each(v, path, member.write))


def _array(element: Shape) -> Shape:
    def each(value: Any, path: str, part: Callable[[Any, str], Any]) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise ValueMismatch(path, "a list", _shown(value))
        return [part(item, f"{path}[{number}]") for number, item in enumerate(value)]

    schema = {"type": "array"} | ({"items": element.schema} if element.schema else {})
    return Shape(schema, lambda v, path: each(v, path, element.read), lambda v, path: each(v, path, element.write))


def _optional(hints: tuple[Any, ...], depth: int) -> Shape | None:
    some = [hint for hint in hints if hint is not type(None)]
    if len(some) != 1 or len(hints) != 2:
        return None
    inner = shape_of(some[0], depth + 1)

    def each(value: Any, path: str, part: Callable[[Any, str], Any]) -> Any:
        return None if value is None else part(value, path)

    schema = {"anyOf": [{"type": "null"}, inner.schema]} if inner.schema else {}
    return Shape(schema, lambda v, path: each(v, path, inner.read), lambda v, path: each(v, path, inner.write))


def _shown(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    names = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), f"a value of type {type(value).__name__}")
