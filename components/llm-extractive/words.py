"""Sentences as sets of words, to compare them with a question."""

import re

_WORD = re.compile(r"[^\W_]+")
_COMMON = """
a about all an and any are as at be because been but by can could did do does for from had has have he her his how i if
in into is it its just may me more my no not of on or our out she should so some such than that the their them then
there these they this to up us was we were what when where which who whom why will with would you your
"""
COMMON = frozenset(_COMMON.split())
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")

_TOPIC = re.compile(
    r"\s*what\s+(?:(?:is|are|was|were)\s+(?:an?\s+|the\s+)?(?P<is>.+?)"
    r"|(?:does|do|did)\s+(?:an?\s+|the\s+)?(?P<does>.+?)\s+mean)\s*\??\s*$",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_TOPIC = 4
_FRAME = re.compile(r"^\W*what\s+happens\b|\bdifference\s+between\b|(?<=\s)mean\W*$", re.IGNORECASE)
"""What questions are asked with, and says nothing of what is asked for."""


def topic(question):
    """What a question like "What is a …?" or "What does … mean?" asks for; empty for any other, or a long one."""
    found = _TOPIC.match(question)
    asked = (found["is"] or found["does"]) if found else ""
    return asked if len(asked.split()) <= _LONGEST_TOPIC else ""


def asked_words(question):
    """The words of a question that tell what is asked for."""
    return content_words(_FRAME.sub(" ", question)) or content_words(question)


def content_words(text):
    """The words that tell something, lower case and without endings; those of unspaced scripts letter by letter."""
    found = set()
    for word in _WORD.findall(text.lower()):
        if _UNSPACED.search(word):
            found.update(word)
        elif word not in COMMON:
            found.add(_stem(word))
    return found


def _stem(word):
    """The word without the endings of English inflection, as far as comparing needs it."""
    for ending, left, rest in (
        ("ies", 2, "y"),
        ("ions", 4, ""),
        ("ion", 4, ""),
        ("ing", 4, ""),
        ("ed", 4, ""),
        ("es", 4, ""),
        ("s", 3, ""),
        ("e", 4, ""),
    ):
        if word.endswith(ending) and len(word) - len(ending) >= left and not word.endswith("ss"):
            return word[: -len(ending)] + rest
    return word
