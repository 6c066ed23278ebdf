"""The small texts of the language: `inputs.x -> b.parameter`, `a.path.0.name?`, `b.agent:llm/chat@0.1.0`.

Each reader takes one text and gives frozen data with the place of every part in it, or raises `TextError` with the
place of the fault. For the manifest's reader and for the facade, which takes the same texts from Python.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from orchestrator.manifest.model import FieldStep, IndexStep, Port, Ref, SomeStep, Step, Steps

NAME: Final = r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*"
"""Of a pipeline, node, input or output."""
LABEL: Final = r"(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*"
"""A name of WIT: a field, a parameter, a function."""
SEMVER: Final = r"[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
INTERFACE: Final = rf"{LABEL}:{LABEL}/{LABEL}(?:@{SEMVER})?"
FUNCTION: Final = rf"(?:(?:{INTERFACE}|{LABEL})\.)?{LABEL}"
"""An export to run: `agent:api/files.read-all`, or `read-all` of the world itself."""
PATH: Final = rf"{LABEL}\??(?:\.(?:{LABEL}|[0-9]+)\??)*"
"""A path into a value that begins with a field's name."""

RESERVED: Final = "inputs"
LONGEST: Final = 2000
"""Characters of one such text."""
MOST_STEPS: Final = 64
_LARGEST_INDEX = (1 << 32) - 1

_NAME, _LABEL = re.compile(NAME), re.compile(LABEL)
_PORT = re.compile(rf"{INTERFACE}|{LABEL}")
_TOOL = re.compile(rf"(?:{INTERFACE}|{LABEL})\.{LABEL}|{LABEL}")


class TextError(Exception):
    """A text does not follow its form.

    Arguments:
        message: what was found and expected.
        start, end: the faulty part, in characters of the text.
        help: what to write instead.
    """

    def __init__(self, message: str, start: int, end: int, help: str = "") -> None:
        self.message, self.start, self.end, self.help = message, start, end, help
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: where it starts and what it says."""

    start: int
    text: str

    @property
    def end(self) -> int:
        """Where it ends, exclusive."""
        return self.start + len(self.text)

    def fault(self, message: str, help: str = "") -> TextError:
        """An error about all of it."""
        return TextError(message, self.start, self.end, help)

    def part(self, start: int, end: int | None = None) -> Piece:
        """The stretch between two places counted from its own start."""
        return Piece(self.start + start, self.text[start:end])

    def stripped(self) -> Piece:
        """Without the blanks around it."""
        left = len(self.text) - len(self.text.lstrip())
        return Piece(self.start + left, self.text.strip())


@dataclass(frozen=True, slots=True)
class Sides:
    """The two sides of an edge's text."""

    source: Piece
    target: Piece


@dataclass(frozen=True, slots=True)
class RefText:
    """A reference, and the place of each of its steps."""

    ref: Ref
    places: tuple[Piece, ...]


def whole(text: str) -> Piece:
    """The text as one piece. Raises `TextError` when it is too long."""
    if len(text) > LONGEST:
        raise TextError(f"a text of {len(text)} characters; at most {LONGEST} are read", 0, len(text))
    return Piece(0, text).stripped()


def split_edge(text: str) -> Sides:
    """The two sides of `source -> target`."""
    piece = whole(text)
    parts = piece.text.split("->")
    if len(parts) == 1:
        raise piece.fault("an edge's text has an arrow: `source -> target`", "write `->` between the two")
    if len(parts) > 2:
        second = piece.start + len(parts[0]) + 2 + len(parts[1])
        raise TextError("an edge has one arrow", second, second + 2, "write one edge for each arrow")
    arrow = piece.start + len(parts[0])
    source = piece.part(0, len(parts[0])).stripped()
    target = piece.part(len(parts[0]) + 2).stripped()
    for side, word in ((source, "before"), (target, "after")):
        if not side.text:
            raise TextError(f"nothing stands {word} the arrow", arrow, arrow + 2, "write `source -> target`")
    return Sides(source, target)


def read_ref(piece: Piece) -> RefText:
    """`inputs.name.path`, `node.path` or `node.err.path`."""
    head, tail = _head(piece)
    if head.text != RESERVED:
        _check_name(head, "a node")
        steps, places = read_steps(tail)
        if steps and steps[0] == FieldStep("err"):
            return RefText(Ref("error", head.text, steps[1:]), places[1:])
        return RefText(Ref("result", head.text, steps), places)
    if not tail.text.startswith("."):
        raise piece.fault("`inputs` is not a value: name one of them", "write `inputs.name`")
    name, tail = _head(tail.part(1))
    _check_name(name, "an input")
    steps, places = read_steps(tail)
    return RefText(Ref("input", name.text, steps), places)


def read_steps(piece: Piece) -> tuple[Steps, tuple[Piece, ...]]:
    """`.field`, `.0` and `?` in a row, with the place of each."""
    steps: list[Step] = []
    places: list[Piece] = []
    for place in _step_pieces(piece):
        steps.append(_step(place))
        places.append(place)
        if len(steps) > MOST_STEPS:
            raise piece.fault(f"a path of over {MOST_STEPS} steps")
    return tuple(steps), tuple(places)


def read_path(text: str) -> Steps:
    """A path without its leading dot: `answer.text`, `items.0?`; `.` alone is the whole value."""
    piece = whole(text)
    if piece.text == ".":
        return ()
    if piece.text.startswith("."):
        raise piece.part(0, 1).fault(
            "a path begins with a name", "leave out the first dot; `.` alone is the whole value"
        )
    if piece.text.startswith("?"):
        return read_steps(piece)[0]
    try:
        return read_steps(Piece(piece.start - 1, f".{piece.text}"))[0]
    except TextError as error:
        raise TextError(error.message, max(error.start, piece.start), error.end, error.help) from None


def read_target(piece: Piece) -> tuple[str, str | None]:
    """`node` or `node.parameter`."""
    node, tail = _head(piece)
    if node.text == RESERVED:
        raise node.fault("`inputs` gives values and takes none", "write the node that takes the value")
    _check_name(node, "a node")
    if not tail.text:
        return node.text, None
    if tail.text.startswith("?"):
        raise tail.fault("a parameter has no `?`", "an `option` parameter takes the value as it is")
    parameter = tail.part(1)
    if not _LABEL.fullmatch(parameter.text):
        found = f"`{parameter.text}`" if parameter.text else "nothing"
        raise (parameter if parameter.text else tail).fault(
            f"expected a parameter's name after the dot, found {found}",
            "an edge fills one whole parameter: `node.parameter`",
        )
    return node.text, parameter.text


def read_port(piece: Piece) -> Port:
    """`node`, `node.import-name` or `node.agent:llm/chat@0.1.0`."""
    return _port(piece, _PORT, "an import or export", "write `node.name` or `node.package:name/interface`")


def read_tool(piece: Piece) -> Port:
    """`node.interface.function`, or `node.function` for a function of the world itself."""
    tail = _head(piece)[1]
    if not tail.text:
        raise piece.fault("a tool is one function, not a whole node", "write `node.package:name/interface.function`")
    return _port(piece, _TOOL, "a function", "write `node.package:name/interface.function`")


def read_node(piece: Piece) -> str:
    """The name of a node alone."""
    _check_name(piece, "a node")
    if piece.text == RESERVED:
        raise piece.fault("`inputs` is not a node")
    return piece.text


def name_fault(text: str) -> str:
    """Why a text is not a name in kebab-case; empty when it is one."""
    if _NAME.fullmatch(text):
        return ""
    return "a name has lower-case letters, digits and single dashes, and begins with a letter"


def kebab(text: str) -> str:
    """A name close to a text that is none; empty where nothing is left of it."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", text[:100])
    found = "-".join(word.lower() for word in words).lstrip("0123456789-")
    return found if _NAME.fullmatch(found) else ""


def _port(piece: Piece, form: re.Pattern[str], what: str, help: str) -> Port:
    node, tail = _head(piece)
    if node.text == RESERVED:
        raise node.fault("`inputs` gives values and answers no calls", "use a data edge: `data: inputs.name -> node`")
    _check_name(node, "a node")
    if not tail.text:
        return Port(node.text)
    if tail.text.startswith("?"):
        raise tail.part(0, 1).fault("a node of a call has no `?`", help)
    name = tail.part(1)
    if "@" in name.text and form.fullmatch(re.sub("@.*", "", name.text)):
        help = "a version has three numbers: `@0.1.0`"
    if not form.fullmatch(name.text):
        found = f"`{name.text}`" if name.text else "nothing"
        raise (name if name.text else tail).fault(f"expected {what} after `{node.text}.`, found {found}", help)
    return Port(node.text, name.text)


def _head(piece: Piece) -> tuple[Piece, Piece]:
    """Up to the first dot or question mark, and the rest."""
    found = re.search(r"[.?]", piece.text)
    at = found.start() if found else len(piece.text)
    return piece.part(0, at), piece.part(at)


def _check_name(piece: Piece, what: str) -> None:
    if not piece.text:
        raise TextError(f"expected {what}'s name", piece.start, piece.start + 1)
    if fault := name_fault(piece.text):
        near = kebab(piece.text)
        raise piece.fault(f"`{piece.text}` cannot name {what}: {fault}", f"did you mean `{near}`?" if near else "")


def _step_pieces(piece: Piece) -> Iterable[Piece]:
    at = 0
    for found in re.finditer(r"\?|\.[^.?]*", piece.text):
        yield piece.part(found.start(), found.end())
        at = found.end()
    if at != len(piece.text):
        raise piece.part(at).fault("expected a dot before the next step")


def _step(place: Piece) -> Step:
    if place.text == "?":
        return SomeStep()
    word = place.text[1:]
    if word.isascii() and word.isdigit():
        if len(word) > 10 or int(word) > _LARGEST_INDEX:
            raise place.part(1).fault(f"index {_cut(word)} is too large; at most {_LARGEST_INDEX}")
        return IndexStep(int(word))
    if not _LABEL.fullmatch(word):
        found = f"`{word}`" if word else "nothing"
        raise (place.part(1) if word else place).fault(
            f"expected a field's name or an index after the dot, found {found}",
            "fields of WIT are in kebab-case: `total-tokens`",
        )
    return FieldStep(word)


def _cut(digits: str) -> str:
    return digits if len(digits) <= 20 else f"{digits[:19]}…"
