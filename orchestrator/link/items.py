"""Imports and exports by the names that a pipeline calls them: with a version or without, functions in interfaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.interface import version_fits
from orchestrator.interface.types import Function, Interface, Name, Resource
from orchestrator.link.draft import Item
from orchestrator.link.model import Export
from orchestrator.wording import listed, suggest


def item_name(item: Item) -> str:
    """An import or export as the world has it: `agent:llm/chat@0.1.0`, `fast-chat`, a function's name."""
    return str(item.name)


def is_plain(item: Item) -> bool:
    """Whether it has a name of the world's own rather than an interface's."""
    return isinstance(item, Function) or not item.name.namespace


def needs_answer(item: Item) -> bool:
    """Whether an import has something to call or to hold: an interface of types alone is there already."""
    if isinstance(item, Function) or item.functions:
        return True
    return any(isinstance(d.type, Resource) and d.type.interface == item.name.base for d in item.types)


def functions_of(item: Item) -> tuple[Function, ...]:
    """The functions of an import or export."""
    return (item,) if isinstance(item, Function) else item.functions


def select(items: Iterable[Item], text: str) -> list[Item]:
    """The imports or exports that a text names: of that very version if there is one, else those that fit it."""
    name = Name.parse(text)
    named = [item for item in items if _base(item) == name.base]
    exact = [item for item in named if item_name(item) == text]
    return exact or [item for item in named if version_fits(name.version, _version(item))]


def _base(item: Item) -> str:
    return item.name.base if isinstance(item, Interface) else item.name


def _version(item: Item) -> str:
    return item.name.version if isinstance(item, Interface) else ""


class NotFound(Exception):
    """No export, or no single one, has that name: a diagnostic's code, message and help."""

    def __init__(self, code: str, message: str, help: tuple[str, ...]) -> None:
        self.code, self.message, self.help = code, message, help
        super().__init__(message)


def callables(exports: Iterable[Item]) -> list[Export]:
    """Every function that can be called by name from outside: those of resources cannot."""
    found: list[Export] = []
    for item in exports:
        home = item.name if isinstance(item, Interface) else None
        found += [Export(home, function) for function in functions_of(item) if not function.name.startswith("[")]
    return found


def find_export(node: str, exports: Sequence[Item], text: str) -> Export:
    """The exported function that `package:name/interface.function` or `function` names. Raises `NotFound`."""
    home, _, name = text.rpartition(".")
    found = [export for export in _within(exports, home) if export.function.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        message = f"`{node}` exports `{text}` more than once: {listed(found)}"
        raise NotFound("ambiguous-export", message, (f"write the version: `{found[0]}`",))
    known = [str(export) for export in callables(exports)]
    bare = [str(e) for e in callables(exports) if e.function.name == name]
    hint = f"did you mean `{bare[0]}`?" if len(bare) == 1 else suggest(text, known, f"`{node}` exports")
    raise NotFound("unknown-export", f"`{node}` exports no function `{text}`", (hint,))


def _within(exports: Sequence[Item], home: str) -> list[Export]:
    if not home:
        return [export for export in callables(exports) if export.interface is None]
    return callables(item for item in select(exports, home) if isinstance(item, Interface))
