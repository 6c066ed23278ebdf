"""File patterns: `*`, `?`, `[abc]`, `{md,txt}` within one name, `**` for any number of folders."""

import re


class InvalidPath(ValueError):
    """A path or pattern that leads out of the folder, or that no file could ever fit."""


def parts(path):
    """The names that a relative path or pattern consists of."""
    if "\0" in path:
        raise InvalidPath("a path cannot contain a NUL")
    names = [name for name in path.split("/") if name not in ("", ".")]
    if path.startswith("/") or ".." in names:
        raise InvalidPath(f"`{path}` leads out of the folder; give a path within it")
    if not names:
        raise InvalidPath("an empty path names no file; `**/*` is every one")
    return names


class Pattern:
    """A compiled pattern; asked for each folder whether to look into it and for each file whether it fits."""

    def __init__(self, text):
        self.names = parts(text)
        self.compiled = [None if name == "**" else re.compile(_translate(name), re.DOTALL) for name in self.names]

    def start(self):
        """The places in the pattern where a match can stand before the first name."""
        return self._past_stars({0})

    def step(self, places, name):
        """The places where a match can stand after one more name."""
        after = set()
        for place in places:
            if place == len(self.names):
                continue
            if self.compiled[place] is None:
                if not name.startswith("."):
                    after.add(place)
            elif self._fits(place, name):
                after.add(place + 1)
        return self._past_stars(after)

    def ends(self, places):
        """Whether a file may end here: the whole pattern is used up (`**` at its end needs a name of its own)."""
        last = len(self.names)
        return last in places or (self.names[-1] == "**" and last - 1 in places)

    def _fits(self, place, name):
        hidden = name.startswith(".") and not self.names[place].startswith((".", "[.]"))
        return not hidden and self.compiled[place].fullmatch(name) is not None

    def _past_stars(self, places):
        reached = set(places)
        for place in range(len(self.names)):
            if place in reached and self.compiled[place] is None and place + 1 < len(self.names):
                reached.add(place + 1)
        return frozenset(reached)


def _translate(name):
    out, at = [], 0
    while at < len(name):
        letter, at = name[at], at + 1
        if letter == "*":
            if not out or out[-1] != ".*":
                out.append(".*")
        elif letter == "?":
            out.append(".")
        elif letter == "[":
            end = name.find("]", at + (2 if name[at : at + 1] in ("!", "^") else 1))
            if end < 0:
                out.append(r"\[")
            else:
                out.append(_characters(name, name[at:end]))
                at = end + 1
        elif letter == "{" and (end := name.find("}", at)) > 0:
            out.append(f"(?:{'|'.join(map(_translate, name[at:end].split(',')))})")
            at = end + 1
        else:
            out.append(re.escape(letter))
    return "".join(out)


def _characters(name, inside):
    negated = inside[:1] in ("!", "^")
    body = (inside[1:] if negated else inside).replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    characters = f"[{'^' if negated else ''}{body}]"
    try:
        re.compile(characters)
    except re.error as error:
        raise InvalidPath(f"`[{inside}]` in `{name}` is no set of characters: {error}") from None
    return characters
