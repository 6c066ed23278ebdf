"""Slips of writing."""

import re

from findings import Found, prose_lines

_DOUBLED = re.compile(r"(?<![\w.`-])(the|a|an|and|or|of|to|in|is|are|that|with|for|it|be|on|as)\s+\1(?![\w'-])")
_LEFT_OPEN = re.compile(r"\b(TODO|FIXME|TBD|XXX)\b|\blorem ipsum\b")
_CODE = re.compile(r"`[^`]*`")
_HEADING = re.compile(r"(#{1,6})\s+\S")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")


def check(documents, longest_sentence):
    """Doubled words, unfinished places, skipped heading levels, code that is never closed, endless sentences."""
    for document in documents:
        for line, *found in sorted(_slips(document.text, longest_sentence)):
            yield Found(document.id, line, *found)


def _slips(text, longest_sentence):
    fences = [n for n, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith(("```", "~~~"))]
    if len(fences) % 2:
        yield fences[-1], "open-code", "error", "the code that begins here is never closed"
    yield from _headings(text)
    for number, line in prose_lines(text):
        plain = _CODE.sub("`", line)
        doubled, left = _DOUBLED.search(plain), _LEFT_OPEN.search(plain)
        if doubled:
            yield number, "doubled-word", "warning", f"`{' '.join(doubled[0].split())}`: the word stands twice"
        if left:
            yield number, "unfinished", "warning", f"`{left[0]}`: this place is not finished"
    yield from _long_sentences(text, longest_sentence)


def _headings(text):
    above = 0
    for number, line in prose_lines(text):
        heading = _HEADING.match(line)
        if heading:
            level = len(heading[1])
            if above and level > above + 1:
                yield number, "skipped-level", "note", f"a heading of level {level} stands below one of level {above}"
            above = level


def _long_sentences(text, longest):
    for number, paragraph in _paragraphs(text):
        for sentence in _SENTENCE.split(paragraph):
            words = len(sentence.split())
            if words > longest:
                beginning = " ".join(sentence.split()[:6])
                yield number, "long-sentence", "note", f"{words} words in one sentence, beginning `{beginning} …`"


def _paragraphs(text):
    """(number of the first line, text) of each paragraph; items of lists and rows of tables are their own."""
    start, lines = 0, []
    for number, line in [*prose_lines(text), (0, "")]:
        if lines and (
            not line.strip() or line.lstrip().startswith(("-", "*", "+", "|", "#", ">")) or line[:1].isdigit()
        ):
            yield start, " ".join(lines)
            lines = []
        if line.strip() and not line.lstrip().startswith(("|", "#")):
            start = start if lines else number
            lines.append(line.strip())
