"""Follows a path into a value, as a data edge writes it: fields, cases, places, elements, and `?` into an option."""

from __future__ import annotations

from typing import Any

from orchestrator.errors import RunError
from orchestrator.interface.types import Option, Type
from orchestrator.interface.values import Variant
from orchestrator.link.paths import follow as type_at
from orchestrator.manifest.model import FieldStep, IndexStep, Step, Steps


def walk(value: Any, type_: Type, steps: Steps, start: str) -> Any:
    """The value at the end of a proven path.

    Arguments:
        type_: of the value.
        start: what to call the value, for the message.

    Raises:
        RunError: what only the value can tell: no such element, another case, nothing in the option.
    """
    for number, step in enumerate(steps):
        try:
            value = _into(value, step, type_, steps[: number + 1])
        except _Missing as problem:
            path = start + "".join(map(str, steps[: number + 1]))
            raise RunError(f"{path}: {problem}") from None
    return value


class _Missing(Exception):
    """There is nothing where the path leads; the message says what is there instead."""


def _into(value: Any, step: Step, type_: Type, path: Steps) -> Any:
    match step:
        case FieldStep(name) if isinstance(value, Variant):
            if value.case != name:
                raise _Missing(f"expected the case `{name}`, found `{value.case}`")
            return value.value
        case FieldStep(name):
            if name not in value:
                raise _Missing(f"expected `{name}`, found `{next(iter(value), 'nothing')}`")
            return value[name]
        case IndexStep(index):
            if index >= len(value):
                raise _Missing(f"expected an element {index}, found a list of {len(value)}")
            return value[index]
        case _:
            if value is None:
                raise _Missing("expected a value, found none")
            # Only an option in an option has a form of its own; a record may have one field, `some`, too.
            nested = isinstance(value, dict) and set(value) == {"some"} and isinstance(type_at(type_, path, ""), Option)
            return value["some"] if nested else value
