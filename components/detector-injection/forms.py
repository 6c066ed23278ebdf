"""Texts in the form in which they are compared with patterns.

What is not seen is taken out, letters that look alike become one, white space becomes a blank. It takes time in
proportion to the text, and room for one piece of it at a time.
"""

import re
import unicodedata

from hidden import UNSEEN, shown

PIECE, OVERLAP = 1 << 16, 1 << 11
"""Characters that are looked at together, and how many of them again with the next ones."""

_CYRILLIC = dict(zip("авекмнорстухѕіјһԁԛԝёг", "abekmhopctyxsijhdqwer", strict=True))
_GREEK = dict(zip("αβεικηνορτυχωάέίόύ", "abeiknvoptuxwaeiou", strict=True))
_ARMENIAN = dict(zip("օոսհցԛ", "onuhgq", strict=True))
_SMALL = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢɑɡɩ", "abcdefghijklmnoprstuvwyzagi", strict=True))
_OTHERS = {"ł": "l", "ø": "o", "đ": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "’": "'", "‘": "'", "ʼ": "'"}
_STROKES = "\u0300-\u036f\u1dc0-\u1dff\u20d0-\u20ff"


def _accented():
    """Latin letters with marks, by the letter without."""
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        first = unicodedata.normalize("NFD", chr(code))[0]
        if first.isascii() and first != chr(code):
            yield chr(code), first.lower()


_ALIKE = str.maketrans({**dict(_accented()), **_CYRILLIC, **_GREEK, **_ARMENIAN, **_SMALL, **_OTHERS})
_DIGITS = str.maketrans("013457$", "oieasts")
_MIXED = re.compile(r"[013457$]{1,3}(?:(?=[a-z])|(?<=[a-z].)(?![0-9a-z])|(?<=[a-z]..)(?![0-9a-z]))")
_SPELT = re.compile(r"(?<!\w)(?:\w[ .*_-]){4,}\w(?!\w)")
_BLANKS = re.compile(r"[^\S\n]+")
_SPACE = re.compile(r"\s+")
_MARKS = re.compile(f"[{_STROKES}]+")
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u0655\u0670]+")
"""Vowels and strokes that may be written, or not."""


class Forms:
    """A piece of text in each form.

    Arguments:
        cased: as it is, but for what is not seen.
        lines: in lower case, with its lines.
        plain: the same on one line.
        written: the same with its lines, in Latin letters, as far as others look like them.
        latin: that on one line.
    """

    def __init__(self, text):
        seen = shown(text)
        if not seen.isascii():
            seen = UNSEEN.sub("", unicodedata.normalize("NFKC", UNSEEN.sub("", seen)))
        self.cased = _together(seen)
        self.lines = _BLANKS.sub(" ", self.cased.casefold())
        self.plain = _SPACE.sub(" ", self.lines)
        written = self.lines
        if not seen.isascii():
            self.plain = _ARABIC_MARKS.sub("", self.plain)
            written = _MARKS.sub("", written.translate(_ALIKE))
        self.written = _MIXED.sub(lambda found: found[0].translate(_DIGITS), written)
        self.latin = _SPACE.sub(" ", self.written)


def _together(text):
    """The text with words that were spelt letter by letter together; two blanks were between words."""
    return _SPELT.sub(lambda found: re.sub(r"[ .*_-]", "", found[0]), text)


def pieces(text):
    """The text in pieces that overlap."""
    if len(text) <= PIECE:
        return [text]
    return (text[at : at + PIECE] for at in range(0, len(text), PIECE - OVERLAP))
