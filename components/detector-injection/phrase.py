"""A phrase that is looked for in a text, in time that does not depend on what else the text has.

A phrase is a row: words to begin with, then in turn a number of words that may be in between, and words to go on with.
It is looked for only where one of its first words stands, and all its gaps are bounded, so what it costs at a place
does not depend on the text.
"""

import re

GAP = r"(?:\W{{1,4}}\w{{1,24}}){{0,{}}}?\W{{1,4}}"
ENDING = r"\w{0,4}"
CLOSE = r"[^。．।！？!?.\n]{{0,{}}}"
"""A gap within a sentence, in characters, for scripts that put no blanks between words, or marks within them."""
_BEFORE = 24
"""Characters in front of a phrase that say how it is meant."""


class Phrase:
    """A phrase, as a pattern and the words that it begins with.

    Arguments:
        first: plain words, each of which may have an ending; as one text with `|` between them, or as several.
        rest: gaps, and patterns without groups.
        gap: the pattern of a gap.
        ending: what may follow the first words.
        unless: it is none where one of these stands in front.
        after: it is one only where this pattern is found at the end of what stands in front, which is a line feed
            where nothing does.
    """

    def __init__(self, first, *rest, gap=GAP, ending=ENDING, unless=(), after=None):
        self.first, self.unless = first.split("|") if isinstance(first, str) else first, unless
        self._goes_on = re.compile(ending + row(*rest, gap=gap)).match
        self._after = after

    def is_in(self, text):
        """Whether the text has it."""
        return any(self._begins(word, text) for word in self.first)

    def _begins(self, word, text):
        at = text.find(word)
        while at >= 0:
            end = at + len(word)
            if self._goes_on(text, end) and self._is_meant(text, at):
                return True
            at = text.find(word, end)
        return False

    def _is_meant(self, text, at):
        start = max(0, at - _BEFORE)
        if self.unless and text.endswith(self.unless, start, at):
            return False
        return self._after is None or self._after.search(text[start:at] if start else "\n" + text[:at]) is not None


def row(*rest, gap=GAP):
    """The pattern of what goes on a phrase: gaps as numbers, and patterns."""
    return "".join(gap.format(part) if isinstance(part, int) else f"(?:{part})" for part in rest)


def either(*rows):
    """The pattern of several ways to go on, each a row; to look for what they begin with once."""
    return "|".join(row(*each) for each in rows)


def unspaced(first, *rest, ending="", unless=()):
    """A phrase in a script whose words are not told apart by blanks."""
    return Phrase(first, *rest, gap=CLOSE, ending=ending, unless=unless)


def any_in(phrases, text):
    """Whether a text has one of the phrases."""
    return any(phrase.is_in(text) for phrase in phrases)
