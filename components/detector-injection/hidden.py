"""Characters that nobody sees, or that make a text look as another one.

One such character often has a good reason, so what counts is how they are used: a flag's tags, a joiner in an emoji or
between letters of Persian, one selector behind its character, marks of direction, a byte order mark at the beginning.
"""

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
    ("characters that turn the direction of text", re.compile("[\u202a-\u202e]")),
    ("a run of characters without width", re.compile(f"[{_UNSEEN}]{{3}}")),
    ("variation selectors that select nothing", re.compile(f"[{_SELECTORS}]{{2}}|[!-~][\U000e0100-\U000e01ef]")),
    ("a run of characters for private use", re.compile(f"[{_PRIVATE}]{{4}}")),
    ("control characters of a terminal", re.compile("[\x1b\x08\x9b]")),
)
_SUSPECT = re.compile(f"[{_UNSEEN}{_SELECTORS}{_TAGS}{_PRIVATE}\u202a-\u202e\u2066-\u2069\x1b\x08\x9b]")
_BETWEEN = re.compile("[A-Za-z][\u200b-\u200d\u2060-\u2064\ufeff\u180e\u034f]{1,2}(?=[A-Za-z])")
_MOST_BETWEEN = 2
"""How often something without width may stand between two Latin letters: a web page has some to break long words."""
_ISOLATE = re.compile("[\u2066-\u2069\n]")
_ENDS = "\u2069"


def hidden(text):
    """What is hidden in a text, in words; None where nothing is."""
    if not _SUSPECT.search(text):
        return None
    without_flags = _FLAG.sub("", text)
    for what, pattern in _KINDS:
        if pattern.search(without_flags):
            return what
    if _unbalanced(text):
        return "characters that turn the direction of text"
    if sum(1 for _ in _BETWEEN.finditer(text)) > _MOST_BETWEEN:
        return "characters without width between letters"
    return None


def _unbalanced(text):
    """Whether a direction that is begun in a line does not end in it: what follows would be shown elsewhere."""
    depth = 0
    for mark in _ISOLATE.findall(text):
        if mark == "\n":
            if depth:
                return True
        elif mark != _ENDS:
            depth += 1
        elif depth:
            depth -= 1
    return depth > 0
