"""What the reading of one document shares: the report, the operator's variables, and where each value stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from orchestrator.diagnostics import Span
from orchestrator.manifest.model import EMPTY, Where
from orchestrator.manifest.offsets import offsets
from orchestrator.manifest.report import Place, Report
from orchestrator.manifest.scalars import scalar_value
from orchestrator.manifest.substitution import Part, escape, parts
from orchestrator.manifest.tree import Entries, Items, Scalar, Tree


class Bad:
    """The type of `BAD`: a value that was refused; the report says why."""

    def __repr__(self) -> str:
        return "BAD"


BAD: Final = Bad()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spot:
    """What is being read, for messages.

    Arguments:
        owner: "node `x`", "edge `a -> b`"; empty for the document itself.
        path: the keys from the owner to here.
        mark: the key, or the dash's value, that a message about something missing points at.
        kind: which of the owner's keys says its kind: `call` of an edge, `python` of a node.
    """

    owner: str = ""
    path: str = ""
    mark: Place = (0, 0)
    kind: str = ""

    def __str__(self) -> str:
        if self.path and self.owner:
            return f"`{self.path}` of {self.owner}"
        return f"`{self.path}`" if self.path else self.owner or "the document"

    def key(self, key: Scalar) -> Spot:
        """The value under a key."""
        path = f"{self.path}.{key.text}" if self.path else key.text
        return replace(self, path=path, mark=(key.start, key.end))

    def item(self, index: int, tree: Tree) -> Spot:
        """An element of a list."""
        return replace(self, path=f"{self.path}[{index}]", mark=(tree.start, tree.end))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Filled:
    """A scalar's text after substitution; `exact` when nothing was substituted."""

    text: str
    scalar: Scalar
    exact: bool


class Context:
    """The state of one reading.

    Arguments:
        report: takes what is found wrong.
        env: the variables that `${NAME}` may name, with their values.
        allow_python: whether Python nodes are wanted.
    """

    def __init__(self, report: Report, env: Mapping[str, str] = EMPTY, *, allow_python: bool = False) -> None:
        self.report, self.env, self.allow_python = report, env, allow_python
        # By identity; the tree is kept, since another one may get the identity of one that is gone.
        self._wheres: dict[int, tuple[Tree, Where]] = {}

    def error(
        self,
        code: str,
        message: str,
        place: Tree | Place,
        *,
        label: str = "",
        causes: tuple[str, ...] = (),
        help: str | tuple[str, ...] = (),
    ) -> Bad:
        """Note an error at a part of the document; gives `BAD`."""
        at = place if isinstance(place, tuple) else (place.start, place.end)
        self.report.error(code, message, at, label=label, causes=causes, help=help)
        return BAD

    def within(self, filled: Filled, start: int, end: int) -> Place:
        """The place in the source of a stretch of a scalar's text; all of the scalar where it cannot be told."""
        scalar = filled.scalar
        found = offsets(self.report.source.text, scalar) if filled.exact else None
        if found is None or start >= len(found):
            return scalar.start, scalar.end
        last = found[min(end, len(found)) - 1] + 1 if end > start else found[start]
        return found[start], max(last, found[start])

    def text(self, scalar: Scalar, spot: Spot, *, template: bool = False) -> Filled | Bad:
        """The scalar's text with its variables put in.

        Where `template` is set, `${inputs.x}` and escapes stay as they are, and what is put in is escaped.
        """
        if "${" not in scalar.text:
            return Filled(scalar.text, scalar, True)
        whole = Filled(scalar.text, scalar, True)
        pieces = [self._piece(whole, part, spot, template) for part in parts(scalar.text)]
        texts = [piece for piece in pieces if isinstance(piece, str)]
        return Filled("".join(texts), scalar, False) if len(texts) == len(pieces) else BAD

    def _piece(self, whole: Filled, part: Part, spot: Spot, template: bool) -> str | Bad:
        written = whole.text[part.start : part.end]
        if part.kind == "text":
            return written if template else part.value
        place = self.within(whole, part.start, part.end)
        if part.kind == "fault":
            help = ("write `${NAME}`, or `$${` for the two characters themselves",)
            return self.error("substitution", f"{part.value}, in {spot}", place, help=help)
        if part.kind == "input":
            return written if template else self._no_input(part, spot, place)
        if part.value not in self.env:
            return self._not_allowed(part, spot, place)
        value = self.env[part.value]
        return escape(value) if template else value

    def _not_allowed(self, part: Part, spot: Spot, place: Place) -> Bad:
        allowed = ", ".join(f"`{name}`" for name in sorted(self.env)[:10])
        return self.error(
            "substitution",
            f"{spot} asks for the variable `{part.value}`, which is not allowed",
            place,
            causes=(f"allowed are {allowed}" if allowed else "no variable is allowed",),
            help=(
                f"if this pipeline may see it, say so where it is run: `--env {part.value}`",
                "for the two characters `${` themselves write `$${`",
            ),
        )

    def _no_input(self, part: Part, spot: Spot, place: Place) -> Bad:
        return self.error(
            "substitution",
            f"an input cannot be put into {spot}",
            place,
            causes=("`${inputs.x}` is known in the `path` of a storage grant and the `url` of an http grant only",),
            help=f"to pass it to a node, use an edge: `data: inputs.{part.value} -> node.parameter`",
        )

    def where(self, tree: Tree, place: str = "") -> Where:
        """Where a part of the document and all parts inside it stand."""
        kept = self._wheres.get(id(tree))
        known = kept[1] if kept else self._where(tree, place)
        self._wheres[id(tree)] = (tree, known)
        return replace(known, place=place) if place and known.place != place else known

    def note(self, tree: Tree, inner: Mapping[str | int, Where]) -> None:
        """Say where the parts inside stand, before `where` is asked: the sides of an edge, the values of a list."""
        self._wheres[id(tree)] = (tree, Where(self.span((tree.start, tree.end)), inner=inner))

    def span(self, place: Place) -> Span:
        """The span of a place."""
        return self.report.span(place)

    def _where(self, tree: Tree, place: str) -> Where:
        span = self.span((tree.start, tree.end))
        match tree:
            case Entries(entries):
                inner: dict[str | int, Where] = {key.text: self.where(value) for key, value in entries}
                return Where(span, place, inner, {key.text: self.span((key.start, key.end)) for key, _ in entries})
            case Items(items):
                return Where(span, place, {index: self.where(item) for index, item in enumerate(items)})
            case _:
                return Where(span, place)


def describe(tree: Tree) -> str:
    """What stands there, in a few words."""
    if isinstance(tree, Entries):
        return "a map"
    if isinstance(tree, Items):
        return "a list"
    if not isinstance(tree, Scalar):
        return "an alias"
    value = scalar_value(tree)
    if value is None:
        return "null" if tree.text else "nothing"
    if isinstance(value, bool):
        return tree.text
    if isinstance(value, (int, float)):
        return f"the number {tree.text}"
    return f"the text `{cut(tree.text)}`" if tree.text else "an empty text"


def cut(text: str) -> str:
    """A text short enough for a message, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
