"""Texts as words to search by."""

import re
import unicodedata

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+")
_VOWEL = re.compile("[aeiou]|(?<=[^aeiou])y")
_FRAME = re.compile(r"^\W*what\s+happens\b|\bdifference\s+between\b|(?<=\s)mean\W*$", re.IGNORECASE)
"""What questions are asked with, and says nothing of what is asked for."""
LONGEST_WORD = 64
_STOPWORDS = """
a about all an and any are as at be because been but by can could did do does for from had has have he her his how i if
in into is it its just may me more my no not of on or our out she should so some such than that the their them then
there these they this to up us was we were what when where which who whom why will with would you your
"""
_stems = {}


def words(text):
    """The words of a text in order: lower case, compatibility forms unified, endings of inflection off."""
    if not text.isascii():
        text = _split_unspaced(unicodedata.normalize("NFKC", text))
    return [_stems.get(word) or _stem(word) for word in _WORD.findall(text.lower())]


def question_words(text):
    """The words to search for: without those that every text has, unless there are no others."""
    found = words(_FRAME.sub("", text))
    return [word for word in found if word not in STOPWORDS] or found


def _split_unspaced(text):
    """Runs of scripts that put no spaces between words, as overlapping pairs of characters."""
    return _UNSPACED.sub(lambda run: f" {_pairs(run[0])} ", text)


def _pairs(run):
    return " ".join(run[at : at + 2] for at in range(len(run) - 1)) or run


def _stem(word):
    stem = stemmed(word[:LONGEST_WORD]) if word.isascii() else word[:LONGEST_WORD]
    if len(_stems) < 500_000:
        _stems[word] = stem
    return stem


def stemmed(word):
    """The word without the endings of English inflection: plural, past, gerund, `-ion`, and a last `e`.

    After step 1, and the `-ion` of step 4, of M. F. Porter, "An algorithm for suffix stripping" (1980), which puts an
    `e` back where this takes it off everywhere. Words of three letters stay as they are.
    """
    if len(word) <= 3:
        return word
    word = _without_plural(word)
    if word.endswith(("sion", "tion")) and len(word) > 6:
        return word[:-3]
    for ending in ("ed", "ing"):
        if word.endswith(ending) and not word.endswith("eed") and _VOWEL.search(word[: -len(ending)]):
            word = _single(word[: -len(ending)])
            break
    if word.endswith("y") and _VOWEL.search(word[:-1]):
        return word[:-1] + "i"
    return word[:-1] if word.endswith("e") and len(word) > 3 and _VOWEL.search(word[:-1]) else word


def _without_plural(word):
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _single(stem):
    """`hopp` as `hop`; `fall` and `pass` stay as they are."""
    doubled = len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in "aeioulsz"
    return stem[:-1] if doubled else stem


STOPWORDS = frozenset(map(stemmed, _STOPWORDS.split()))
"""As `words` gives them."""
