"""Paths into values: the type at their end, or the step that leads nowhere."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.interface import show_type
from orchestrator.interface.types import Case, List, Option, Record, Result, Tuple, Type, Variant
from orchestrator.manifest.model import FieldStep, IndexStep, SomeStep, Step, Steps
from orchestrator.wording import suggest


class NoStep(Exception):
    """A step leads nowhere: its number in the path, why, and what to write instead."""

    def __init__(self, message: str, *help_: str) -> None:
        self.index, self.message, self.help = 0, message, help_
        super().__init__(message)


def follow(type_: Type, steps: Steps, shown: str) -> Type:
    """The type at the end of a path. Raises `NoStep`.

    Arguments:
        shown: the path so far, for the message: `files`, `inputs.folder`.
    """
    for index, step in enumerate(steps):
        try:
            type_ = _next(type_, step, shown)
        except NoStep as problem:
            problem.index = index
            raise
        shown += str(step)
    return type_


def _next(type_: Type, step: Step, shown: str) -> Type:
    match type_, step:
        case Option(some), SomeStep():
            return some
        case _, SomeStep():
            raise NoStep(f"`{shown}` is {show_type(type_)}, no option: `?` cannot go into it", "leave out the `?`")
        case Option(), _:
            why = f"`{shown}` is {show_type(type_)}: it may be missing"
            raise NoStep(why, f"write `{shown}?{step}`; a run in which it is missing ends there")
        case Record(fields), FieldStep(name):
            found = next((field.type for field in fields if field.name == name), None)
            return found or _missing(shown, type_, "field", name, [field.name for field in fields])
        case Variant(cases), FieldStep(name):
            return _payload(shown, type_, cases, name)
        case Result(ok, err), FieldStep(name):
            return _payload(shown, type_, (Case("ok", ok), Case("err", err)), name)
        case List(element), IndexStep():
            return element
        case Tuple(items), IndexStep(index):
            if index >= len(items):
                raise NoStep(f"`{shown}` is {show_type(type_)}: it has no item {index}", "items count from 0")
            return items[index]
        case List(), FieldStep(name):
            why = f"`{shown}` is {show_type(type_)}: a list has no fields"
            raise NoStep(why, f"take an element, `{shown}.0.{name}`, or take the list apart with `each`")
        case _:
            what = "item" if isinstance(step, IndexStep) else "field"
            raise NoStep(f"`{shown}` is {show_type(type_)}: it has no {what} `{str(step)[1:]}`")


def _payload(shown: str, type_: Type, cases: Sequence[Case], name: str) -> Type:
    found = next((case for case in cases if case.name == name), None)
    if found is None:
        return _missing(shown, type_, "case", name, [case.name for case in cases])
    if found.type is None:
        raise NoStep(f"the case `{name}` of `{shown}` carries nothing")
    return found.type


def _missing(shown: str, type_: Type, what: str, name: str, known: list[str]) -> Type:
    raise NoStep(f"`{shown}` is {show_type(type_)}: it has no {what} `{name}`", suggest(name, known, f"its {what}s"))
