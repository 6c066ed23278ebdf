"""Type expressions of WIT, read from tokens. `_item_parser` reads what stands around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from orchestrator.diagnostics import Source
from orchestrator.errors import WitError
from orchestrator.interface import types as t
from orchestrator.interface._lexer import Token, error, tokens
from orchestrator.interface._placed import NamedAt, ResourceAt

DEEPEST = 64
"""Levels of nesting in one type expression; and of a type once its names are looked up."""

_T = TypeVar("_T")


class TypeParser:
    """A cursor over the tokens of one text.

    Arguments:
        source: the text.
        manifest: read what a manifest may write and a WIT file may not: `pkg:name/interface.type`, inline records.
    """

    def __init__(self, source: Source, *, manifest: bool = False) -> None:
        self.source, self.manifest = source, manifest
        self._tokens = tokens(source)
        self._next = 0
        self._depth = 0

    @property
    def token(self) -> Token:
        """The next token."""
        return self._tokens[self._next]

    def ahead(self, count: int = 1) -> Token:
        """The token that many places after the next one."""
        return self._tokens[min(self._next + count, len(self._tokens) - 1)]

    def advance(self) -> Token:
        """The next token, taken."""
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def at(self, text: str) -> bool:
        """Whether the next token is this mark or unescaped word."""
        token = self._tokens[self._next]
        return token.text == text and not token.escaped and token.kind != "end"

    def accept(self, text: str) -> bool:
        """Take the next token if it is this mark or word."""
        if self.at(text):
            self._next += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        """The next token, taken, which must be this mark or word."""
        if not self.at(text):
            raise self.unexpected(f"`{text}`")
        return self.advance()

    def unexpected(self, expected: str) -> WitError:
        """The error that something else should stand here."""
        return error(self.source, self.token.start, f"expected {expected}, found {self.token}", expected)

    def fail(self, message: str, at: int | None = None, expected: str = "") -> WitError:
        """An error at a place of the text, or at the next token."""
        return error(self.source, self.token.start if at is None else at, message, expected)

    def name(self, what: str) -> Token:
        """A name, taken; `what` says for the error whose name it is."""
        token = self.token
        if token.kind != "id":
            raise self.unexpected(what)
        if token.keyword:
            word = token.text
            raise self.fail(f"`{word}` is a keyword of WIT and cannot be {what} as it is", expected=f"`%{word}`")
        return self.advance()

    def several(self, opening: str, closing: str, item: Callable[[], _T]) -> list[_T]:
        """Items between two marks, separated by commas, one more at the end allowed."""
        self.expect(opening)
        found: list[_T] = []
        while not self.accept(closing):
            found.append(item())
            if not self.accept(",") and not self.at(closing):
                raise self.unexpected(f"`,` or `{closing}`")
        return found

    def type(self) -> t.Type:
        """A type expression."""
        if self._depth >= DEEPEST:
            raise self.fail(f"the type is nested more than {DEEPEST} levels deep")
        self._depth += 1
        try:
            return self._type()
        finally:
            self._depth -= 1

    def _type(self) -> t.Type:
        token = self.token
        if token.kind != "id":
            raise self.unexpected("a type")
        if not token.escaped:
            if token.text in t.PRIMITIVES:
                return t.PRIMITIVES[self.advance().text]
            built = self._built_in(token)
            if built is not None:
                return built
            if token.keyword:
                raise self.unexpected("a type")
        return self._named()

    def _built_in(self, token: Token) -> t.Type | None:
        """A type that begins with a word of the language; None for any other."""
        reader = _READERS.get(token.text)
        if reader is not None:
            if token.text == "map" and self.ahead().text != "<":
                return None
            self.advance()
            return reader(self)
        if token.text in _BODIES and (self.manifest or self.ahead().text == "{"):
            if not self.manifest:
                raise self.fail(f"a {token.text} must be declared with a name of its own before it is used")
            self.advance()
            return _BODIES[token.text](self, None)
        if token.text in ("float32", "float64"):
            raise self.fail(f"`{token.text}` is now called `f{token.text[-2:]}`")
        return None

    def _named(self) -> t.Type:
        start = self.token.start
        name, interface = self._reference()
        return NamedAt(name, interface, start)

    def _reference(self) -> tuple[str, str]:
        """A type's name, and its interface where one is written."""
        first = self.name("the name of a type").text
        if not (self.manifest and self.at(":")):
            return first, ""
        path = self.path(first)
        if path.version and not self.at("."):
            version, dot, last = path.version.rpartition(".")
            if dot and version.count(".") >= 2:
                return last, f"{path.base}@{version}"
        self.expect(".")
        return self.name("the name of a type").text, str(path)

    def path(self, namespace: str) -> t.Name:
        """The rest of `namespace:package/interface@version`, from its colon on."""
        self.expect(":")
        package = self.label("the name of a package")
        self.expect("/")
        interface = self.label("the name of an interface")
        return t.Name(interface, namespace, package, self.version())

    def label(self, what: str) -> str:
        """A name in a place where keywords do no harm."""
        if self.token.kind != "id":
            raise self.unexpected(what)
        return self.advance().text

    def version(self) -> str:
        """`@1.2.3`, or nothing."""
        if not (self.at("@") and self.ahead().kind in ("version", "integer")):
            return ""
        self.advance()
        if self.token.kind != "version":
            raise self.unexpected("a version of three numbers, like `1.0.0`")
        return self.advance().text

    def _one(self) -> t.Type:
        """`<type>`."""
        self.expect("<")
        inner = self.type()
        self.expect(">")
        return inner

    def _list(self) -> t.Type:
        self.expect("<")
        element = self.type()
        if self.at(","):
            raise self.fail("lists of a fixed length are not supported by this version", expected="`>`")
        self.expect(">")
        return t.List(element)

    def _result(self) -> t.Type:
        if not self.accept("<"):
            return t.Result()
        ok = None if self.accept("_") else self.type()
        err = None
        if ok is None or self.at(","):
            self.expect(",")
            err = self.type()
        self.expect(">")
        return t.Result(ok, err)

    def _tuple(self) -> t.Type:
        start = self.token.start
        items = self.several("<", ">", self.type)
        if not items:
            raise self.fail("a tuple has at least one item", start)
        return t.Tuple(tuple(items))

    def handle(self) -> t.Resource:
        """`<resource>`, of `own` or `borrow`."""
        self.expect("<")
        start = self.token.start
        name, interface = self._reference()
        self.expect(">")
        return ResourceAt(name, interface.partition("@")[0], at=start)

    def _unsupported(self, kind: str, most: int) -> t.Type:
        if not (most and self.at("<")):
            return t.Unsupported(kind)
        items = self.several("<", ">", self.type)
        if len(items) > most:
            raise self.fail(f"`{kind}` takes {most} type{'s' if most > 1 else ''}, not {len(items)}")
        return t.Unsupported(kind, tuple(items))

    def body(self, kind: str, name: str) -> t.Type:
        """The braces of a record, variant, enum or flags that is declared under a name."""
        return _BODIES[kind](self, name)

    def field(self) -> t.Field:
        """`name: type`."""
        name = self.name("the name of a field").text
        self.expect(":")
        return t.Field(name, self.type())

    def _record(self, name: str | None) -> t.Type:
        start = self.token.start
        fields = tuple(self.several("{", "}", self.field))
        self._distinct("a record", "field", [f.name for f in fields], start)
        return t.Record(fields, name)

    def _case(self) -> t.Case:
        name = self.name("the name of a case").text
        if not self.accept("("):
            return t.Case(name)
        carried = self.type()
        self.expect(")")
        return t.Case(name, carried)

    def _variant(self, name: str | None) -> t.Type:
        start = self.token.start
        cases = tuple(self.several("{", "}", self._case))
        self._distinct("a variant", "case", [c.name for c in cases], start)
        return t.Variant(cases, name)

    def _enum(self, name: str | None) -> t.Type:
        start = self.token.start
        cases = self.several("{", "}", lambda: self.name("the name of a case").text)
        self._distinct("an enum", "case", cases, start)
        return t.Enum(tuple(cases), name)

    def _flags(self, name: str | None) -> t.Type:
        start = self.token.start
        names = self.several("{", "}", lambda: self.name("the name of a flag").text)
        self._distinct("flags", "flag", names, start)
        if len(names) > 32:
            raise self.fail(f"flags have at most 32 names, these have {len(names)}", start)
        return t.Flags(tuple(names), name)

    def _distinct(self, what: str, part: str, names: list[str], start: int) -> None:
        if not names:
            raise self.fail(f"{what} must have at least one {part}", start)
        seen: set[str] = set()
        for name in names:
            if name.lower() in seen:
                raise self.fail(f"the {part} `{name}` is there twice", start)
            seen.add(name.lower())


_READERS: dict[str, Callable[[TypeParser], t.Type]] = {
    "list": TypeParser._list,
    "option": lambda parser: t.Option(parser._one()),
    "result": TypeParser._result,
    "tuple": TypeParser._tuple,
    "own": lambda parser: t.Own(parser.handle()),
    "borrow": lambda parser: t.Borrow(parser.handle()),
    "stream": lambda parser: parser._unsupported("stream", 1),
    "future": lambda parser: parser._unsupported("future", 1),
    "map": lambda parser: parser._unsupported("map", 2),
    "error-context": lambda parser: parser._unsupported("error-context", 0),
}
_BODIES: dict[str, Callable[[TypeParser, str | None], t.Type]] = {
    "record": TypeParser._record,
    "variant": TypeParser._variant,
    "enum": TypeParser._enum,
    "flags": TypeParser._flags,
}
