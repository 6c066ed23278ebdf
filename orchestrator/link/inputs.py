"""The pipeline's inputs: their types looked up, their defaults held against them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.errors import OrchestratorError, ValueMismatch, WitError
from orchestrator.interface import Packages, check, from_json, parse_packages, show_world
from orchestrator.interface.types import Interface, Type, World
from orchestrator.link.carried import first_unsupported, resources_of
from orchestrator.link.draft import Work
from orchestrator.link.model import LinkedInput
from orchestrator.link.report import wit_help
from orchestrator.manifest.model import MISSING, Input, Where


def link_inputs(work: Work) -> None:
    """Resolves every input; one that cannot be is None in `work.inputs`."""
    for input_ in work.manifest.inputs:
        if input_.name in work.inputs:
            message = f"there are two inputs `{input_.name}`"
            work.report.error("duplicate-name", message, input_.where, _place(input_), help=("rename one",))
            continue
        type_ = _type(work, input_)
        work.inputs[input_.name] = None if type_ is None else _linked(work, input_, type_)


def _place(input_: Input) -> str:
    return f"input `{input_.name}`"


def _type(work: Work, input_: Input) -> Type | None:
    where = input_.where.at("type")
    try:
        type_ = resolve(work, input_.type)
    except WitError as error:
        message = f"the type of input `{input_.name}` is not known: {error.message}"
        work.report.error("input-type", message, where, _place(input_), help=wit_help(error))
        return None
    if first_unsupported(type_) is not None or any(resources_of(type_)):
        message = f"the type of input `{input_.name}` has no values that a run could be given"
        help_ = ("handles, streams and futures cannot be inputs",)
        work.report.error("input-type", message, where, _place(input_), help=help_)
        return None
    return type_


def resolve(work: Work, type_: Type) -> Type:
    """A type with its names looked up: in the packages that ship, then in the components' own worlds.

    Raises `WitError`, as the packages that ship say it.
    """
    try:
        return work.packages.resolve(type_)
    except WitError as error:
        for packages in _worlds(work):
            try:
                return packages.resolve(type_)
            except WitError:
                continue
        raise error from None


def _worlds(work: Work) -> Iterator[Packages]:
    for draft in work.drafts.values():
        if draft.component is not None and _has_interfaces(draft.component.world):
            try:
                yield Packages(parse_packages([show_world(draft.component.world)]))
            except OrchestratorError:
                continue


def _has_interfaces(world: World) -> bool:
    return any(isinstance(item, Interface) for item in (*world.imports, *world.exports))


def _linked(work: Work, input_: Input, type_: Type) -> LinkedInput:
    if input_.default is MISSING:
        return LinkedInput(input_.name, type_, input_.is_path)
    where = input_.where.at("default")
    try:
        default = constant(type_, input_.default, where)
    except ValueMismatch as error:
        message = f"the default of input `{input_.name}` does not fit its type"
        work.report.error("default", message, where, _place(input_), causes=(str(error),))
        return LinkedInput(input_.name, type_, input_.is_path)
    if input_.is_path and isinstance(default, str):
        default = str((work.manifest.folder / default).absolute()) if "\0" not in default else default
    return LinkedInput(input_.name, type_, input_.is_path, default, has_default=True)


def constant(type_: Type, value: Any, where: Where, path: str = "") -> Any:
    """A constant of the pipeline in its Python form: written as JSON is, or, in Python, as Python values are.

    Raises `ValueMismatch`.
    """
    try:
        return from_json(type_, value, path)
    except ValueMismatch:
        if where.span is not None:
            raise
    return check(type_, value, path)
