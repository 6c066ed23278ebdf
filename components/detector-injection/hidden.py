"""Characters that nobody sees, or that make a text look as another one.

One such character often has a good reason, so what counts is how they are used: a flag's tags, a joiner in an emoji or
between letters of Persian, one selector behind its character, marks of direction, a byte order mark at the beginning,
the colours of a terminal.
"""

import itertools
import re

_UNSEEN = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0"
_UNSEEN += "\U0001d173-\U0001d17a"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0000-\U000e007f"
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"

UNSEEN = re.compile(f"[{_UNSEEN}{_SELECTORS}{_TAGS}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]+")
"""What is taken out of a text before it is read."""

_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")
_KINDS = (
    ("tag characters", re.compile(f"[{_TAGS}]")),
    ("characters that turn the direction of text", re.compile("[\u202d\u202e]")),
    ("a run of characters without width", re.compile(f"[{_UNSEEN}]{{3}}")),
    ("variation selectors that select nothing", re.compile(f"[{_SELECTORS}]{{2}}|[!-~][\U000e0100-\U000e01ef]")),
    ("a run of characters for private use", re.compile(f"[{_PRIVATE}]{{4}}")),
    ("control characters of a terminal", re.compile("[\x1b\x08\x9b]")),
)
_SUSPECT = re.compile(f"[{_UNSEEN}{_SELECTORS}{_TAGS}{_PRIVATE}\u202a-\u202e\u2066-\u2069\x1b\x08\x9b]")
_BETWEEN = re.compile("[A-Za-z][\u200b-\u200d\u2060-\u2064\ufeff\u180e\u034f]{1,2}(?=[A-Za-z])")
_MOST_BETWEEN = 2
"""How often something without width may stand between two Latin letters: a web page has some to break long words."""
_TURN = re.compile("[\u202a-\u202c\u2066-\u2069\n\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_EMBEDS, _RIGHTWARDS, _ENDS_EMBEDDING, _ENDS_ISOLATE = "\u202a\u202b", "\u202b", "\u202c", "\u2069"
_MARKS = "\u202a-\u202c\u2066-\u2069"
_COLOURS = re.compile("\x1b\\[([0-9;:]{0,64})m")
_HARMLESS = re.compile("\x1b\\[(?:[0-9;:]{0,64}m|0?K)|\x1b\\(B|(.)\x08\\1|_\x08(?=.)")
"""Colours, the end of a line made empty, letters struck twice or underlined: what terminals show as the text is."""
_CONCEALED, _SHOWN, _INDEXED = 8, 28, "5"


def shown(text):
    """The text without what gives it colours and the like; what it says stands together then."""
    if "\x1b" not in text and "\x08" not in text:
        return text
    return _HARMLESS.sub(r"\1", text)


def hidden(text):
    """What is hidden in a text, in words; None where nothing is."""
    if not _SUSPECT.search(text):
        return None
    if _conceals(text):
        return "control characters of a terminal"
    without_flags = _FLAG.sub("", shown(text))
    for what, pattern in _KINDS:
        if pattern.search(without_flags):
            return what
    if _turned(text):
        return "characters that turn the direction of text"
    if sum(1 for _ in _BETWEEN.finditer(text)) > _MOST_BETWEEN:
        return "characters without width between letters"
    return None


def _conceals(text):
    """Whether the colours of a terminal conceal text, or give it the colour of its ground."""
    colours = {}
    for found in _COLOURS.finditer(text):
        codes = iter(re.split("[;:]", found[1]))
        for code in codes:
            number = int(code or 0)
            if number == _CONCEALED:
                return True
            _paint(colours, number, codes)
        if colours.get("text") is not None and colours.get("text") == colours.get("ground"):
            return True
    return False


def _paint(colours, number, codes):
    """Takes in one code of a terminal's colours; those that are numbered or mixed have more codes."""
    where = "ground" if number // 10 in (4, 10) else "text"
    if number == 0:
        colours.clear()
    elif number in (38, 48):
        mode = next(codes, "")
        colours[where] = (mode, *itertools.islice(codes, 1 if mode == _INDEXED else 3))
    elif number in (39, 49):
        colours.pop(where, None)
    elif 30 <= number < 48 or 90 <= number < 108:
        colours[where] = (_INDEXED, str(number % 10 + 8 * (number >= 90)))


def _turned(text):
    """Whether a text is shown in another order than it is written in.

    A direction that is begun in a line and does not end in it has what follows shown elsewhere; one from right to left
    turns what has no letter of such a script.
    """
    if not re.search(f"[{_MARKS}]", text):
        return False
    begun, letters = [], 0
    for mark in _TURN.findall(text):
        if mark == "\n":
            if begun:
                return True
        elif mark in (_ENDS_EMBEDDING, _ENDS_ISOLATE):
            if begun and (begun[-1][0] in _EMBEDS) == (mark == _ENDS_EMBEDDING):
                begin, before = begun.pop()
                if begin == _RIGHTWARDS and letters == before:
                    return True
        elif mark in "\u202a\u202b\u2066\u2067\u2068":
            begun.append((mark, letters))
        else:
            letters += 1
    return bool(begun)
