"""Bytes of a file as text: which are text at all, how they are decoded, what a text is called."""

import codecs
import re

LOOKED_AT = 8192
LONGEST_TITLE = 120
_MARKUP = re.compile(r"[*_`]+")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


def decode(data, cut):
    """The text of a file's bytes, or None when they are not text. `cut`: the bytes end in the middle of the file."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data[: len(data) & ~1].decode("utf-16", "replace")
    beginning = data[:LOOKED_AT]
    if b"\0" in beginning or _mostly_odd(beginning):
        return None
    if cut:
        data = _whole_characters(data)
    return data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")


def _mostly_odd(data):
    """Whether more than a tenth is not UTF-8 or is a control character, as in compressed and machine-made files."""
    text = data.decode("utf-8", "replace")
    odd = text.count("\ufffd") + sum(map(text.count, "\1\2\3\4\5\6\7\16\17\20\21\22\23\24\25\26\27\30"))
    return odd > max(3, len(text) // 10)


def _whole_characters(data):
    """Without the first bytes of a character whose rest was cut off."""
    for back in range(1, min(4, len(data)) + 1):
        if data[-back] & 0xC0 != 0x80:
            length = 1 if data[-back] < 0x80 else 2 if data[-back] < 0xE0 else 3 if data[-back] < 0xF0 else 4
            return data if back >= length else data[:-back]
    return data


def title(text, path):
    """What a reader would call the text: the title it states, its first heading, its first line, else its file."""
    lines = text[:LOOKED_AT].splitlines()
    stated, lines = _front_matter(lines)
    found = stated or _heading(lines) or _first_line(lines)
    return found[:LONGEST_TITLE] or path.rpartition("/")[2]


def _front_matter(lines):
    if not lines or lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        return "", lines
    end = next(at for at, line in enumerate(lines[1:], 1) if line.strip() == "---")
    stated = [line.partition(":")[2] for line in lines[1:end] if line.startswith("title:")]
    return (stated[0].strip().strip("\"'") if stated else ""), lines[end + 1 :]


def _heading(lines):
    in_code = False
    for at, line in enumerate(lines[:80]):
        if line.lstrip().startswith(("```", "~~~")):
            in_code = not in_code
        elif not in_code and re.match(r"#{1,6}\s+\S", line):
            return _plain(line.strip().strip("#"))
        elif not in_code and at and re.fullmatch(r"(=+|-{3,})\s*", line) and _is_underlined(lines[at - 1], line):
            return _plain(lines[at - 1])
    return ""


def _is_underlined(above, line):
    return bool(above.strip()) and not above.startswith(("|", " ", "-")) and len(line.strip()) + 2 >= len(above.strip())


def _first_line(lines):
    line = next((line for line in lines if line.strip()), "")
    return _plain(line) if len(line) <= LONGEST_TITLE else ""


def _plain(line):
    return " ".join(_MARKUP.sub("", _LINK.sub(r"\1", line)).split())
