"""Prose out of Markdown, and sentences out of prose."""

import re
from dataclasses import dataclass

SHORTEST, LONGEST = 4, 80
ROW, INTRODUCTION = 0.5, 0.8
"""What a row of a table counts for, torn from its head, and a sentence that introduces something by a colon."""
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]+)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|<!--.*?-->")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=`|[\"'(\[*]?[A-Z0-9\u00c0-\u00de\u0400-\u042f])|(?<=[\u3002\uff01\uff1f])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|cf|vs|no|fig|dr|mr|mrs|st|approx|[A-Z])\.$", re.IGNORECASE)


@dataclass(frozen=True)
class Sentence:
    """A sentence, the heading it stands under, and what it counts for, 1 in prose."""

    text: str
    heading: str = ""
    worth: float = 1.0


def sentences(text):
    """The sentences of a Markdown text in order: of paragraphs, items of lists and rows of tables; code is left out."""
    for heading, block in _blocks(_FENCE.sub("\n\n", text)):
        is_row = block.startswith("|")
        for sentence in _split(_plain(block)):
            yield Sentence(sentence, heading, ROW if is_row else INTRODUCTION if sentence.endswith(":") else 1.0)


def _blocks(text):
    """Lines that belong together, joined, each with its heading. Neither a heading nor a table's head is a sentence."""
    heading, block = "", []
    for line in [*text.splitlines(), ""]:
        is_heading = line.lstrip().startswith("#")
        ends = not line.strip() or is_heading or _RULE.match(line)
        begins = _ITEM.match(line) or line.lstrip().startswith("|")
        if (ends or begins) and block:
            if not _is_head(block, line):
                yield heading, " ".join(block)
            block = []
        if is_heading:
            heading = _plain(line.strip().strip("#"))
        if not ends:
            block.append(_ITEM.sub("", line).strip())


def _is_head(block, after):
    """Whether the line after it makes a row the head of a table."""
    return block[0].startswith("|") and bool(after.strip()) and bool(_RULE.match(after))


def _plain(block):
    if block.startswith("|"):
        block = ": ".join(cell.strip() for cell in block.strip("|").split("|") if not _says_nothing(cell))
    block = _TAG.sub("", _LINK.sub(r"\1", block.removeprefix("> ")))
    return " ".join(_EMPHASIS.sub(r"\2", block).split())


def _says_nothing(cell):
    """Whether a table's cell is empty, a dash or a row's number."""
    return not cell.strip(" -\u2013\u2014") or cell.strip().isdigit()


def _split(text):
    start = 0
    for end in [match.end() for match in _END.finditer(text)] + [len(text)]:
        sentence = text[start:end].strip()
        if end < len(text) and _ABBREVIATION.search(sentence):
            continue
        start = end
        if SHORTEST <= _length(sentence) <= LONGEST:
            yield sentence


def _length(sentence):
    """In words, or in pairs of letters where the script has no spaces."""
    return len(sentence.split()) if sentence.isascii() else max(len(sentence.split()), len(sentence.encode()) // 12)
