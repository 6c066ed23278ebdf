"""`environment`: the variables that the guest finds in its environment; the host's own never reach it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.capability._place import is_text, refuse
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Where


def validate(variables: Mapping[str, str], node: str, where: Where) -> tuple[Diagnostic, ...]:
    """Refuses names and values that no environment can hold."""
    return tuple(
        refuse(message, node, where.at(name)) for name, value in variables.items() for message in _wrong(name, value)
    )


def prepare(variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The variables as pairs, sorted by name, so that the guest sees the same order each time."""
    return tuple(sorted(variables.items()))


def _wrong(name: object, value: object) -> Iterator[str]:
    if not isinstance(name, str):
        yield f"the name of a variable is a string, found {name!r:.80}"
    elif not name:
        yield "a variable of the environment has an empty name"
    elif "=" in name or not is_text(name):
        yield f"`{name:.80}` is no name of a variable: `=`, NUL and invalid Unicode cannot stand in one"
    if not isinstance(value, str):
        yield f"the value of the variable `{name!s:.80}` is a string, found {value!r:.80}"
    elif not is_text(value):
        yield f"the value of the variable `{name!s:.80}` has a NUL or invalid Unicode in it"
