"""WIT text read: a type expression, or whole packages.

    parse_type("list<option<u8>>")                      -> List(Option(U8))
    parse_type("agent:data/documents.document")         -> Named("document", "agent:data/documents")
    parse_package(text)                                 -> a Package, whose names `packages.Packages` looks up

Not for binaries: those are reflected by the engine.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from orchestrator.diagnostics import Source
from orchestrator.interface import types as t
from orchestrator.interface._lexer import error
from orchestrator.interface._placed import NamedAt, ResourceAt
from orchestrator.interface._transform import transform
from orchestrator.interface._type_parser import TypeParser

if TYPE_CHECKING:
    from pathlib import PurePath

    from orchestrator.interface.syntax import Package

__all__ = ["LONGEST_TYPE", "parse_package", "parse_packages", "parse_type"]

LONGEST_TYPE = 64 << 10
"""Characters of one type expression; a longer one is refused."""


def parse_type(text: str) -> t.Type:
    """The type that a WIT type expression says.

    Beyond WIT's own expressions it reads `namespace:package/interface@version.type` and inline `record { … }`,
    `variant { … }`, `enum { … }`, `flags { … }`. A declared name stays a `Named`, to be looked up in `Packages`.
    Raises `WitError` with offset, line and column in `text`.
    """
    source = Source("", text)
    if len(text) > LONGEST_TYPE:
        raise error(source, 0, f"the type has {len(text)} characters; at most {LONGEST_TYPE} are read")
    parser = TypeParser(source, manifest=True)
    found = parser.type()
    if parser.token.kind != "end":
        raise parser.unexpected("the end of the type")
    return transform(found, _without_place)


def _without_place(type_: t.Type) -> t.Type:
    match type_:
        case NamedAt(name, interface):
            return t.Named(name, interface)
        case t.Own(ResourceAt(name, interface)):
            return t.Own(t.Resource(name, interface))
        case t.Borrow(ResourceAt(name, interface)):
            return t.Borrow(t.Resource(name, interface))
        case _:
            return type_


def parse_package(texts: str | Source | Iterable[str | Source], *, features: Collection[str] = frozenset()) -> Package:
    """The package that one or several WIT texts declare, with the packages nested in them.

    Arguments:
        texts: the texts of one package; at least one has its `package` line, unless all is in nested packages.
        features: what is marked `@unstable(feature = f)` is left out, unless `f` is named here.

    Raises `WitError`, with the place in the text, for what is not WIT and for texts of different packages.
    """
    from orchestrator.interface._item_parser import join

    return join(_sources(texts), frozenset(features))


def parse_packages(texts: Iterable[str | Source], *, features: Collection[str] = frozenset()) -> tuple[Package, ...]:
    """The packages that several WIT texts declare: texts with the same `package` line belong together.

    A text without one belongs to the only package of the others. Raises as `parse_package` does.
    """
    from orchestrator.interface._item_parser import grouped

    return grouped(_sources(texts), frozenset(features))


def _sources(texts: str | Source | Iterable[str | Source]) -> list[Source]:
    several = [texts] if isinstance(texts, (str, Source)) else texts
    return [text if isinstance(text, Source) else Source("", text) for text in several]


def read_source(path: PurePath, data: bytes) -> Source:
    """The source of a file's bytes; raises `WitError` where they are not UTF-8."""
    try:
        return Source(str(path), data.decode("utf-8-sig"))
    except UnicodeDecodeError as problem:
        raise error(Source(str(path), ""), 0, f"the file is not UTF-8 (byte {problem.start})") from None
