"""Which checks find something in texts, and what is said of that: which check, and where; never the text."""

from encoded import FEWEST, parts, wholes
from forms import Forms, pieces
from hidden import hidden
from phrases import SAID, spoken

CHECKS = (*SAID, "encoded", "hidden")
MOST = 3
"""Findings that are told of; there is no need to look for more."""
_DEPTH = 2
"""How many encodings may be within each other."""


def judge(texts, without=frozenset()):
    """What is found in texts, a line each, at most so many as are told of.

    Arguments:
        texts: with their places; the place of what is the whole value is empty.
        without: the checks that are not made.
    """
    checks = frozenset(CHECKS) - without
    found = []
    for place, text in texts:
        what = _finding(text, checks, _DEPTH)
        if what is not None:
            found.append(f"{what}, at {place}" if place else what)
            if len(found) > MOST:
                break
    return found


def said(found):
    """The findings as one sentence; empty where there are none."""
    more = "; and more" if len(found) > MOST else ""
    return "; ".join(found[:MOST]) + more


def _finding(text, checks, depth):
    """What is wrong with a text, in words; None where nothing is."""
    what = hidden(text) if "hidden" in checks else None
    if what is not None:
        return f"hidden: it has {what}"
    for piece in pieces(text):
        name = spoken(Forms(piece), checks)
        if name is not None:
            return f"{name}: {SAID[name]}"
    return _within(text, checks, depth) if "encoded" in checks and depth else None


def _within(text, checks, depth):
    """What is wrong with what a text says in an encoding. Bytes hide nothing but by chance."""
    checks -= {"hidden"}
    for found, left in ((parts(text), depth - 1), (wholes(text), 0)):
        for encoding, inner in found:
            what = _finding(inner, checks, left) if len(inner) >= FEWEST else None
            if what is not None:
                name = what.partition(":")[0]
                return what if name == "encoded" else f"encoded: in {encoding} is what the check `{name}` finds"
    return None
