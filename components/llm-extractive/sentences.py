"""Prose out of Markdown, and sentences out of prose."""

import re

SHORTEST, LONGEST = 4, 80
_FENCE = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]+)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_END = re.compile(r"(?<=[.!?])[\"')\]]?\s+(?=[\"'(\[`*]?[A-Z0-9\u00c0-\u00de\u0400-\u042f])|(?<=[\u3002\uff01\uff1f])")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|cf|vs|no|fig|dr|mr|mrs|st|approx|[A-Z])\.$", re.IGNORECASE)


def sentences(text):
    """The sentences of a Markdown text in order: of paragraphs, items of lists and rows of tables; code is left out."""
    for block in _blocks(_FENCE.sub("\n\n", text)):
        yield from _split(_plain(block))


def _blocks(text):
    """Lines that belong together, joined. A heading is a label, not a sentence."""
    block = []
    for line in [*text.splitlines(), ""]:
        ends = not line.strip() or line.lstrip().startswith("#") or _RULE.match(line)
        begins = _ITEM.match(line) or line.lstrip().startswith("|")
        if (ends or begins) and block:
            yield " ".join(block)
            block = []
        if not ends:
            block.append(_ITEM.sub("", line).strip())


def _plain(block):
    if block.startswith("|"):
        block = ": ".join(cell.strip() for cell in block.strip("|").split("|") if not _is_number(cell))
    block = _TAG.sub("", _LINK.sub(r"\1", block.removeprefix("> ")))
    return " ".join(_EMPHASIS.sub(r"\2", block).split())


def _is_number(cell):
    """Whether a table's cell is empty or a row's number, which says nothing."""
    return not cell.strip() or cell.strip().isdigit()


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
