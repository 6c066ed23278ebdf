"""WIT text cut into tokens, and errors with a place in that text.

Source of the lexical rules: https://github.com/WebAssembly/component-model/blob/main/design/mvp/WIT.md#lexical-structure
"""

from __future__ import annotations

import re
from typing import NamedTuple

from orchestrator.diagnostics import Source, printable
from orchestrator.errors import WitError

LONGEST_TEXT = 1 << 20
"""Characters of one WIT text; a longer one is refused."""

KEYWORDS = frozenset(
    re.findall(
        "[a-z0-9]+",
        """
        as bool borrow char constructor enum export f32 f64 flags float32 float64 from func future import include
        interface list option own package record resource result s16 s32 s64 s8 static stream string tuple type u16
        u32 u64 u8 use variant world
        """,
    )
)
"""Words that stand for a name only when escaped: `%type`."""

LATER_KEYWORDS = frozenset(("async", "map", "with", "error-context"))
"""Words that newer tools have as keywords: read as names where no keyword fits, and always written escaped."""

_TOKEN = re.compile(
    r"""(?P<id>%?[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*)
    |(?P<version>\d+\.\d+\.\d+(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)
    |(?P<integer>\d+)
    |(?P<mark>->|[=,:;(){}<>*/.@_-])""",
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"[ \t\r\n]+")
_LABEL = re.compile(r"(?:[a-z][a-z0-9]*|[A-Z][A-Z0-9]*)(?:-(?:[a-z0-9]+|[A-Z0-9]+))*", re.ASCII)


class Token(NamedTuple):
    """A token: `kind` is id, version, integer, mark or end; `text` is an id without its `%`."""

    kind: str
    text: str
    start: int
    escaped: bool = False
    docs: str = ""

    @property
    def keyword(self) -> bool:
        """Whether it is a word of the language rather than a name."""
        return self.kind == "id" and not self.escaped and self.text in KEYWORDS

    def __str__(self) -> str:
        return "the end of the text" if self.kind == "end" else f"`{self.text}`"


def is_label(text: str) -> bool:
    """Whether `text` is a name in kebab-case, as WIT wants it."""
    return _LABEL.fullmatch(text) is not None


def error(source: Source, offset: int, message: str, expected: str = "") -> WitError:
    """A `WitError` at `offset` of the source."""
    before = source.text[:offset]
    line = before.count("\n") + 1
    column = offset - (before.rfind("\n") + 1) + 1
    return WitError(message, offset=offset, line=line, column=column, source=source.name, expected=expected)


def tokens(source: Source) -> list[Token]:
    """The tokens of the source, the last one of kind `end`.

    Raises `WitError` for a character that belongs to no token, an open comment and a text beyond `LONGEST_TEXT`.
    """
    text = source.text
    if len(text) > LONGEST_TEXT:
        raise error(source, 0, f"the text has {len(text)} characters; at most {LONGEST_TEXT} are read")
    found: list[Token] = []
    position, docs = 0, []
    while True:
        position, comment = _skip(source, position)
        if comment is not None:
            docs.append(comment)
            continue
        if position >= len(text):
            found.append(Token("end", "", len(text)))
            return found
        found.append(_token(source, position, "\n".join(filter(None, docs))))
        position += len(found[-1].text) + found[-1].escaped
        docs.clear()


def _token(source: Source, position: int, docs: str) -> Token:
    match = _TOKEN.match(source.text, position)
    if match is None:
        shown = printable(source.text[position])
        raise error(source, position, f"the character `{shown}` has no meaning in WIT")
    kind, word = match.lastgroup or "", match.group()
    if kind != "id":
        return Token(kind, word, position, False, docs)
    escaped = word.startswith("%")
    word = word.removeprefix("%")
    if not is_label(word):
        raise error(source, position, f"`{word}` is not in kebab-case", "words like `total-tokens`, each in one case")
    return Token(kind, word, position, escaped, docs)


def _skip(source: Source, position: int) -> tuple[int, str | None]:
    """Past the space at `position`, or past one comment: then with its text, empty when it is no doc comment."""
    text = source.text
    space = _SPACE.match(text, position)
    if space:
        position = space.end()
    if text.startswith("//", position):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        line = text[position:end]
        return end, line[3:].strip() if line.startswith("///") and not line.startswith("////") else ""
    if text.startswith("/*", position):
        end = _comment_end(source, position)
        body = text[position:end]
        return end, _block_docs(body) if body.startswith("/**") and len(body) > 4 else ""
    return position, None


def _comment_end(source: Source, start: int) -> int:
    depth, position = 0, start
    for mark in re.compile(r"/\*|\*/").finditer(source.text, start):
        depth += 1 if mark.group() == "/*" else -1
        position = mark.end()
        if depth == 0:
            return position
    raise error(source, start, "the comment that begins here has no end", "`*/`")


def _block_docs(comment: str) -> str:
    lines = (line.strip().removeprefix("*").strip() for line in comment[3:-2].split("\n"))
    return "\n".join(filter(None, lines))
