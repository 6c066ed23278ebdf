"""YAML text -> a tree with places. The only file that knows the YAML library's parser.

Nothing is built before the whole text has been seen as events: its size, its nesting, and what YAML has and the
language does not (anchors, aliases, tags, several documents). Scalars stay texts here; no type is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.diagnostics import Source
from orchestrator.manifest.report import Report
from orchestrator.manifest.scalars import scalar_value
from orchestrator.manifest.shapes import joined
from orchestrator.manifest.tree import Broken, Entries, Items, Scalar, Style, Tree

LARGEST = 1 << 20
"""Bytes of a document, in UTF-8."""
DEEPEST = 64
"""Levels of nesting."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_UNPRINTABLE = "[\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
"""Compiled for a text beyond ASCII only: such a set takes milliseconds."""
_TABBED = re.compile(r"^ *\t[ \t]*(?=[^ \t\r\n#])", re.MULTILINE)
_STYLES: dict[str | None, Style] = {"'": "single", '"': "double", "|": "literal", ">": "folded"}


class Unreadable(Exception):
    """The text is not a document at all; the report holds the one reason."""


def parse(report: Report, needed: Sequence[str]) -> Tree:
    """The tree of the report's source.

    Arguments:
        needed: the keys that the document has to have.

    Raises `Unreadable` for what leaves no tree to read; other faults (a key twice, an anchor) go to the report.
    """
    _check_text(report)
    events = _events(report)
    _check_tabs(report, events)
    composer = _Composer(report, iter(events))
    tree = composer.document()
    if isinstance(tree, Scalar) and tree.style == "plain" and not tree.text:
        keys = joined(needed, "and")
        report.error("yaml-empty", "the document is empty", (0, 0), help=(f"write at least {keys}",))
        raise Unreadable
    return tree


def decode(name: str, data: bytes) -> tuple[Report, bool]:
    """The text of a file as a report's source, without its byte order mark, and whether it is UTF-8.

    Bytes past the size limit are not looked at: the text is then refused for its size.
    """
    kept = data.removeprefix(b"\xef\xbb\xbf")[: LARGEST + 1]
    report = Report(Source(name, kept.decode("utf-8", errors="replace")))
    if len(kept) > LARGEST:
        return report, True
    try:
        kept.decode("utf-8")
    except UnicodeDecodeError as error:
        at = len(kept[: error.start].decode("utf-8"))
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        report.error(
            "yaml-encoding",
            "the file is not UTF-8",
            (at, at + 1),
            label=f"byte 0x{kept[error.start]:02x}",
            help="it is WebAssembly: `orchestrator inspect` shows it"
            if data.startswith(b"\0asm")
            else ("it looks like UTF-16; " if utf16 else "") + "save it as UTF-8",
        )
        return report, False
    return report, True


def _check_text(report: Report) -> None:
    text = report.source.text
    if len(text) > LARGEST or len(text.encode("utf-8", errors="replace")) > LARGEST:
        message = f"the document is larger than {LARGEST >> 20} MiB"
        report.error(
            "yaml-size", message, (0, 0), help="split the pipeline, or move data into files that components read"
        )
        raise Unreadable
    found = _CONTROL.search(text)
    if not text.isascii() and (other := re.search(_UNPRINTABLE, text)):
        found = min(found or other, other, key=re.Match.start)
    if found:
        code = f"U+{ord(found.group()):04X}"
        report.error(
            "yaml-character",
            f"the character {code} cannot stand in a document",
            found.span(),
            help=f'write it as an escape in a text in double quotes: "\\u{ord(found.group()):04x}"',
        )
        raise Unreadable


def _events(report: Report) -> list[Any]:
    """All events of the document; refuses nesting before anything is built from them."""
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    kept: list[Any] = []
    depth = documents = 0
    try:
        for event in yaml.parse(report.source.text, Loader=loader):
            kind = type(event).__name__
            depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
            documents += kind == "DocumentStartEvent"
            _check_event(report, event, depth - 2, documents)
            kept.append(event)
    except yaml.MarkedYAMLError as error:
        _syntax_error(report, error)
    except yaml.YAMLError as error:
        report.error("yaml-syntax", f"this is not YAML: {error}", (0, 0))
        raise Unreadable from None
    return kept


def _check_event(report: Report, event: Any, depth: int, documents: int) -> None:
    place = (event.start_mark.index, event.end_mark.index)
    if depth > DEEPEST:
        report.error("yaml-depth", f"nested over {DEEPEST} levels", place, label=f"level {depth}")
        raise Unreadable
    if documents > 1:
        message = "the text has more than one document"
        report.error(
            "yaml-documents", message, place, label="the second begins here", help="one file holds one pipeline"
        )
        raise Unreadable


def _syntax_error(report: Report, error: Any) -> None:
    mark = error.problem_mark or error.context_mark
    at = mark.index if mark else 0
    line_start = report.source.text.rfind("\n", 0, at) + 1
    if found := _TABBED.match(report.source.text, line_start):
        _tab(report, found)
        raise Unreadable from None
    if error.context_mark and not report.source.text[at:].strip():
        _unclosed(report, error)
    causes: tuple[str, ...] = ()
    if error.context and error.context_mark and error.context_mark.index != at:
        line, column = report.line_column(error.context_mark.index)
        causes = (f"{error.context}, which begins at line {line}, column {column}",)
    report.error(
        "yaml-syntax",
        f"this is not YAML: {_plain(str(error.problem))}",
        (at, at + 1),
        causes=causes,
        help=_hint(report, at),
    )
    raise Unreadable from None


def _unclosed(report: Report, error: Any) -> None:
    """The text ends inside brackets or quotes: the fault is where they open."""
    start = error.context_mark.index
    opening = report.source.text[start : start + 1]
    if opening in ("[", "{", '"', "'"):
        message = f"this is not YAML: the `{opening}` is never closed"
        report.error("yaml-syntax", message, (start, start + 1), label="opened here")
        raise Unreadable from None


def _hint(report: Report, at: int) -> tuple[str, ...]:
    if report.source.text[at : at + 1] == ":":
        return ("a text with `: ` in it needs quotes; keys of one map begin at the same column",)
    if "${" in report.source.text[max(0, at - 2) : at + 1]:
        return ('inside brackets a text with `${` needs quotes: "${NAME}"',)
    return ()


def _plain(problem: str) -> str:
    known = {
        "mapping values are not allowed in this context": "a `:` that begins a value cannot stand here",
        "found character that cannot start any token": "no value can begin with this character; quote the text",
        "could not find expected ':'": "a `:` is missing after this key",
        "did not find expected key": "a key was expected here; look at the indentation",
        "found unexpected end of stream": "the text ends inside a quoted value",
        "did not find expected <document start>": "the document has ended before this",
    }
    return known.get(problem, problem)


def _check_tabs(report: Report, events: list[Any]) -> None:
    """YAML lets a tab indent what stands in brackets; the language does not."""
    texts = [(e.start_mark.index, e.end_mark.index) for e in events if type(e).__name__ == "ScalarEvent"]
    texts = [place for place in texts if "\n" in report.source.text[slice(*place)]]
    for found in _TABBED.finditer(report.source.text):
        if not any(start < found.end() <= end for start, end in texts):
            _tab(report, found)


def _tab(report: Report, found: re.Match[str]) -> None:
    at = found.group().index("\t") + found.start()
    report.error("yaml-tab", "a tab in the indentation", (at, at + 1), label="a tab", help="indent with spaces")


class _Composer:
    """Builds the tree from events that are known to be nested within the limit."""

    def __init__(self, report: Report, events: Iterator[Any]) -> None:
        self.report, self.events = report, events

    def document(self) -> Tree:
        for event in self.events:
            if type(event).__name__ == "DocumentStartEvent":
                self._directives(event)
                return self._tree(next(self.events))
        return Scalar("", "plain", 0, 0)

    def _directives(self, event: Any) -> None:
        if event.tags:
            place = (event.start_mark.index, event.start_mark.index + 4)
            self.report.error("yaml-tag", "a %TAG directive is not part of the language", place, help="remove it")

    def _tree(self, event: Any) -> Tree:
        start, end = event.start_mark.index, event.end_mark.index
        kind = type(event).__name__
        if kind == "AliasEvent":
            self._refuse("alias", f"*{event.anchor}", start)
            return Broken(start, end)
        if event.anchor:
            self._refuse("anchor", f"&{event.anchor}", start)
        if event.tag:
            self._tag(event)
        if kind == "ScalarEvent":
            return self._scalar(event, start, self._trimmed(start, end))
        return self._items(event) if kind == "SequenceStartEvent" else self._entries(event)

    def _scalar(self, event: Any, start: int, end: int) -> Scalar | Broken:
        if any("\ud800" <= char <= "\udfff" for char in event.value):
            help = 'write the whole character, or one escape: "\\U0001F600"'
            self.report.error("yaml-character", "half of a surrogate pair is no character", (start, end), help=help)
            return Broken(start, end)
        return Scalar(event.value, _STYLES.get(event.style, "plain"), start, end)

    def _trimmed(self, start: int, end: int) -> int:
        """The end of a scalar, without the lines after a block scalar's last one."""
        return start + len(self.report.source.text[start:end].rstrip()) if end > start else end

    def _refuse(self, what: str, shown: str, start: int) -> None:
        at = self.report.source.text.find(shown, start)
        at = start if at < 0 else at
        self.report.error(
            f"yaml-{what}",
            f"{what} `{shown}`: the language has no anchors and aliases",
            (at, at + len(shown)),
            help="write the value where it is needed",
        )

    def _tag(self, event: Any) -> None:
        text, start = self.report.source.text, event.start_mark.index
        found = re.compile(r"!\S*").search(text, start)
        place = found.span() if found else (start, start + 1)
        self.report.error(
            "yaml-tag",
            f"tag `{text[slice(*place)]}`: the language has no tags",
            place,
            help="remove it; each key knows its type",
        )

    def _items(self, event: Any) -> Items:
        start, end = event.start_mark.index, event.end_mark.index
        items = []
        while type(inner := next(self.events)).__name__ != "SequenceEndEvent":
            items.append(self._tree(inner))
        end = inner.end_mark.index if event.flow_style else max([end, *(item.end for item in items)])
        return Items(tuple(items), start, end)

    def _entries(self, event: Any) -> Entries:
        start, end = event.start_mark.index, event.end_mark.index
        entries: dict[str, tuple[Scalar, Tree]] = {}
        last = end
        partial = False
        while type(inner := next(self.events)).__name__ != "MappingEndEvent":
            key, value = self._tree(inner), self._tree(next(self.events))
            last = max(last, value.end)
            if (name := self._key(key, entries)) is not None:
                entries[name.text] = (name, value)
            else:
                partial = True
        end = inner.end_mark.index if event.flow_style else last
        return Entries(tuple(entries.values()), start, end, partial)

    def _key(self, key: Tree, entries: dict[str, tuple[Scalar, Tree]]) -> Scalar | None:
        if not isinstance(key, Scalar):
            if not isinstance(key, Broken):
                self.report.error("yaml-key", "a key must be a text", (key.start, key.end), help="write `key: value`")
            return None
        value = scalar_value(key)
        if not isinstance(value, str):
            shown = key.text or "(empty)"
            message = f"a key must be a text, not {shown}"
            self.report.error("yaml-key", message, (key.start, key.end), help=f'quote it: "{key.text}"')
            return None
        if key.text == "<<" and key.style == "plain":
            self.report.error(
                "yaml-alias",
                "a merge key `<<`: the language has none",
                (key.start, key.end),
                help="write the keys where they are needed",
            )
            return None
        if key.text in entries:
            self._double(key, entries[key.text][0])
            return None
        return key

    def _double(self, key: Scalar, first: Scalar) -> None:
        line, column = self.report.line_column(first.start)
        self.report.error(
            "duplicate-key",
            f"key `{key.text}` stands here twice",
            (key.start, key.end),
            causes=(f"it was given at line {line}, column {column}",),
            help="keep one of them",
        )
