"""The paths of `reject` and `redact`: into arguments, a result or a value, written as data paths are.

The first name is `args` or `result` on a call or tool edge and `value` on a data edge, as in expressions. Then come
`.field` (of a record; the case of a variant; `ok` or `err` of a result), `.0` (a place of a tuple, an element of a
list) and `?` (into an option; it may be left out). A field after a list is looked for in each of its elements.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from orchestrator.contract._cel_kinds import NULL, fields
from orchestrator.contract._place import Problem
from orchestrator.interface.allowance import here
from orchestrator.interface.types import List, Option, Record, Result, Tuple, Type, Variant
from orchestrator.interface.values import Variant as VariantValue
from orchestrator.manifest.model import FieldStep, IndexStep, SomeStep, Step, Steps
from orchestrator.manifest.paths import LONGEST, Piece, TextError, read_steps
from orchestrator.wording import suggest


class BadPath(ValueError):
    """A path that does not parse, or that leads nowhere in its type; `.problem` says why and where."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


def parse_path(text: str, roots: Mapping[str, Type]) -> tuple[str, Steps]:
    """The variable a path starts from and its steps, proven to exist in the type. Raises BadPath."""
    if len(text) > LONGEST:
        raise BadPath(Problem(f"it has {len(text)} characters, at most {LONGEST} are allowed"))
    head = re.match(r"[A-Za-z]*", text)
    root = head[0] if head else ""
    if root not in roots:
        message = f"it starts with `{root}`" if root else "it starts with no name"
        raise BadPath(Problem(message, 0, (f"a path here starts with {' or '.join(f'`{r}`' for r in roots)}",)))
    try:
        steps, places = read_steps(Piece(len(root), text[len(root) :]))
    except TextError as error:
        raise BadPath(Problem(error.message, error.start, (error.help,) if error.help else ())) from None
    _follow(roots[root], steps, places, root)
    return root, steps


def _follow(type_: Type, steps: Steps, places: tuple[Piece, ...], shown: str) -> None:
    """Raises BadPath for a step that leads nowhere."""
    for step, place in zip(steps, places, strict=True):
        try:
            type_ = _next(type_, step)
        except _NoStep as error:
            raise BadPath(Problem(f"`{shown}` {error.message}", place.start, error.help)) from None
        shown += str(step)


class _NoStep(ValueError):
    def __init__(self, message: str, *help_: str) -> None:
        self.message, self.help = message, help_
        super().__init__(message)


def _next(type_: Type, step: Step) -> Type:
    match type_, step:
        case Option(some), SomeStep():
            return some
        case _, SomeStep():
            raise _NoStep("is no option, `?` cannot go into it")
        case Option(some), _:
            return _next(some, step)
        case List(element), IndexStep():
            return element
        case List(element), _:
            return _next(element, step)
        case Tuple(items), IndexStep(index):
            if index >= len(items):
                raise _NoStep(f"is a tuple of {len(items)}, it has no place {index}", "places count from 0")
            return items[index]
        case Record() | Variant() | Result(), FieldStep(name):
            return _named(type_, name)
        case _, FieldStep(name):
            raise _NoStep(f"has no field `{name}`")
        case _:
            raise _NoStep("is no tuple and no list, a place cannot be picked in it")


def _named(type_: Type, name: str) -> Type:
    names = fields(type_) or {}
    if name not in names:
        raise _NoStep(f"has no {'field' if isinstance(type_, Record) else 'case'} `{name}`", suggest(name, names))
    return names[name] or NULL


def strings(value: Any) -> Iterator[str]:
    """Every string in a value in its Python form: names of fields and flags are none."""
    left: list[Collection[Any]] = [(value,)]
    allowed = here()
    while left:
        items = left.pop()
        for item in allowed.passing(items, len(items)):
            if isinstance(item, str):
                yield item
            elif isinstance(item, Mapping):
                left.append(item.values())
            elif isinstance(item, list | tuple):
                left.append(item)
            elif isinstance(item, VariantValue):
                left.append((item.value,))


def values_at(value: Any, type_: Type, steps: Steps) -> Iterator[Any]:
    """The values that lie at a path, in their Python form.

    A part that is not there (a missing option, another case, an index past the end) has none.
    """
    if not steps:
        yield value
        return
    for inside, inner, rest in _into(value, type_, steps):
        yield from values_at(inside, inner, rest)


def _into(value: Any, type_: Type, steps: Steps) -> Iterator[tuple[Any, Type, Steps]]:
    """The values one level in, each with its type and the steps that are left."""
    step, rest = steps[0], steps[1:]
    match type_, step:
        case Option(some), _ if value is not None:
            inside = value["some"] if isinstance(some, Option) else value
            yield inside, some, rest if isinstance(step, SomeStep) else steps
        case List(element), IndexStep(index):
            yield from ((item, element, rest) for item in value[index : index + 1])
        case List(element), _:
            yield from ((item, element, steps) for item in here().passing(value, len(value)))
        case Tuple(items), IndexStep(index):
            yield value[index], items[index], rest
        case Variant(), FieldStep(name) if value.case == name:
            yield value.value, _named(type_, name), rest
        case Record() | Result(), FieldStep(name) if name in value:
            yield value[name], _named(type_, name), rest
