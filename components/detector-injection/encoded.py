"""What a text says in an encoding: base64, hexadecimal, escapes, entities, percent signs, rot13, backwards.

No codecs by name: those that Python loads when they are asked for are not in the component.
"""

import base64
import binascii
import re
from string import ascii_lowercase, ascii_uppercase

SHORTEST = 20
"""Characters of an encoding that can say something."""
FEWEST = 5
"""Characters that can say something, in a script with few of them."""

_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST},}}={{0,2}}")
_WRAPPED = re.compile(r"[A-Za-z0-9+/=\s]+")
_HEX = re.compile(rf"(?:[0-9A-Fa-f]{{2}}[ :,]?){{{SHORTEST},}}")
_WORDS = re.compile(r"[^\W\d_]+|[ \n]")
_ESCAPE = re.compile(
    r"(?P<percents>(?:%[0-9A-Fa-f]{2})+)|(?P<slashes>(?:\\x[0-9A-Fa-f]{2})+)"
    r"|\\+u(?P<code>[0-9A-Fa-f]{4}|\{[0-9A-Fa-f]{1,6}\})|\\U(?P<long>[0-9A-Fa-f]{8})"
    r"|&#(?:0{0,20}(?P<decimal>[1-9]\d{0,6})|[xX]0{0,20}(?P<hexadecimal>[1-9A-Fa-f][0-9A-Fa-f]{0,5}));?"
    r"|&(?P<name>nbsp|shy|zwnj|zwj|ZeroWidthSpace|NoBreak|Tab|NewLine);"
)
_ENCODINGS = {"percents": "percent signs", "slashes": "escapes", "code": "escapes", "long": "escapes"}
_ENTITIES = "entities"
_BLANKS = ("nbsp", "Tab", "NewLine")
_AROUND = 200
"""Characters around an escaped one that are read with it."""
_APART = " | | | | "
"""Stands between parts that were not together; no phrase goes across it."""
_LETTERS = ascii_lowercase + ascii_uppercase
_ROTATED = str.maketrans(
    _LETTERS, ascii_lowercase[13:] + ascii_lowercase[:13] + ascii_uppercase[13:] + ascii_uppercase[:13]
)
_ROT13 = ("vtaber", "qvfertneq", "sbetrg", "erirny", "vafgehpgvbaf", "flfgrz cebzcg")
_BACKWARDS = ("erongi", "dragersid", "tegrof", "laever", "snoitcurtsni", "tpmorp metsys")
"""Words that begin what somebody may want to say, as they stand in these."""


def parts(text):
    """What parts of the text say in the encoding that they are in, as (the encoding, the texts of all such parts)."""
    yield "base64", _APART.join(filter(None, map(_of_base64, _BASE64.findall(text))))
    if "\n" in text and _WRAPPED.fullmatch(text):
        yield "base64", _of_base64("".join(text.split()))
    yield "hexadecimal", _APART.join(filter(None, map(_of_hex, _HEX.findall(text))))
    read = {}
    for encoding, start, end in _escaped(text):
        read.setdefault(encoding, []).append(_ESCAPE.sub(_character, text[start:end]))
    yield from ((encoding, _APART.join(found)) for encoding, found in read.items())


def wholes(text):
    """What the whole text says if it is in one of the encodings that leave nothing of it as it is."""
    lower = text.lower()
    if any(word in lower for word in _ROT13):
        yield "rot13", text.translate(_ROTATED)
    if any(word in lower for word in _BACKWARDS):
        yield "backwards", text[::-1]


def _escaped(text):
    """Where characters are escaped, and what is around them, as (the encoding of the first, start, end)."""
    encoding, start, end = "", 0, -1
    for found in _ESCAPE.finditer(text):
        if end >= 0 and found.start() - end > 2 * _AROUND:
            yield encoding, max(0, start - _AROUND), end + _AROUND
            end = -1
        if end < 0:
            encoding, start = _ENCODINGS.get(found.lastgroup, _ENTITIES), found.start()
        end = found.end()
    if end >= 0:
        yield encoding, max(0, start - _AROUND), end + _AROUND


def _character(found):
    """What is escaped: bytes of UTF-8, or a character by its number or name."""
    kind, value = found.lastgroup, found[found.lastgroup]
    if kind in ("percents", "slashes"):
        return bytes.fromhex(re.sub(r"%|\\x", "", value)).decode("utf-8", "replace")
    if kind == "name":
        return " " if value in _BLANKS else ""
    number = int(value.strip("{}"), 10 if kind == "decimal" else 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else " "


def _of_base64(text):
    whole = text.rstrip("=").replace("-", "+").replace("_", "/")
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    try:
        return _text(base64.b64decode(whole + "=" * (-len(whole) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _of_hex(text):
    digits = re.sub(r"[ :,]", "", text)
    return _text(bytes.fromhex(digits[: len(digits) & ~1]))


def _text(data):
    """The text that bytes are, as far as they are one; empty where too little of it could be words."""
    found = data.decode("utf-8", "replace")
    return found if len(_WORDS.sub("", found)) * 4 < len(found) else ""
