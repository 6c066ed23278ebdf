"""File patterns: `*`, `?`, `[abc]`, `{md,txt}` within one name, `**` for any number of folders."""

import re


MOST_ALTERNATIVES = 64


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
        self.compiled = [None if name == "**" else _compiled(name) for name in self.names]

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
                    after.update((place, place + 1))
            elif self._fits(place, name):
                after.add(place + 1)
        return self._past_stars(after)

    def ends(self, places):
        """Whether a file may end here: the whole pattern is used up."""
        return len(self.names) in places

    def _fits(self, place, name):
        hidden = name.startswith(".") and not self.names[place].startswith((".", "[.]"))
        return not hidden and any(one.fullmatch(name) for one in self.compiled[place])

    def _past_stars(self, places):
        reached = set(places)
        for place in range(len(self.names)):
            if place in reached and self.compiled[place] is None and place + 1 < len(self.names):
                reached.add(place + 1)
        return frozenset(reached)


def _compiled(name):
    return [re.compile(_translate(one), re.DOTALL) for one in _alternatives(name)]


def _alternatives(name):
    """The texts that `{a,b}` in a name stands for, the name alone where there is none."""
    waiting, found = [name], []
    while waiting:
        text = waiting.pop()
        begin = text.find("{")
        end = text.find("}", begin)
        if begin < 0 or end < 0:
            found.append(text)
        else:
            waiting += [text[:begin] + one + text[end + 1 :] for one in text[begin + 1 : end].split(",")]
        if len(waiting) + len(found) > MOST_ALTERNATIVES:
            raise InvalidPath(f"`{name}` stands for more than {MOST_ALTERNATIVES} names")
    return found


def _translate(name):
    """A name as a regular expression. What stands between two stars is found once, so that no name takes long."""
    first, *rest = _pieces(name)
    if not rest:
        return first
    *middle, last = rest
    return "".join([first, *(f"(?>.*?{piece})" for piece in middle if piece), ".*", last])


def _pieces(name):
    """What stands before, between and after the stars of a name, as regular expressions."""
    out, at = [""], 0
    while at < len(name):
        letter, at = name[at], at + 1
        end = name.find("]", at + (2 if name[at : at + 1] in ("!", "^") else 1)) if letter == "[" else -1
        if letter == "*":
            out.append("")
        elif letter == "?":
            out[-1] += "."
        elif end > 0:
            out[-1] += _characters(name, name[at:end])
            at = end + 1
        else:
            out[-1] += re.escape(letter)
    return out


def _characters(name, inside):
    negated = inside[:1] in ("!", "^")
    body = (inside[1:] if negated else inside).replace("\\", r"\\").replace("[", r"\[").replace("^", r"\^")
    characters = f"[{'^' if negated else ''}{body}]"
    try:
        re.compile(characters)
    except re.error as error:
        raise InvalidPath(f"`[{inside}]` in `{name}` is no set of characters: {error}") from None
    return characters
