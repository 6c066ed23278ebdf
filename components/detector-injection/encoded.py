"""What a text says in an encoding: base64, hexadecimal, escapes, entities, rot13, backwards."""

import base64
import binascii
import codecs
import re

SHORTEST = 20
"""Characters of an encoding that can say something."""

_BASE64 = re.compile(rf"[A-Za-z0-9+/_-]{{{SHORTEST},}}={{0,2}}")
_WRAPPED = re.compile(r"[A-Za-z0-9+/=\s]+")
_HEX = re.compile(rf"(?:[0-9A-Fa-f]{{2}}[ :,]?){{{SHORTEST},}}")
_SLASHED = re.compile(r"(?:\\x[0-9A-Fa-f]{2}){4,}")
_ESCAPED = re.compile(r"(?:\\u\{?[0-9A-Fa-f]{4}\}?){4,}")
_ENTITIES = re.compile(r"(?:&#(?:\d{1,7}|[xX][0-9A-Fa-f]{1,6});){4,}")
_ENTITY = re.compile(r"&#(\d{1,7}|[xX][0-9A-Fa-f]{1,6});")
_WORDS = re.compile(r"[^\W\d_]+|[ \n]")
_BYTE = re.compile(r"%([0-9A-Fa-f]{2})")
_ROT13 = ("vtaber", "qvfertneq", "sbetrg", "erirny", "vafgehpgvbaf", "flfgrz cebzcg")
_BACKWARDS = ("erongi", "dragersid", "tegrof", "laever", "snoitcurtsni", "tpmorp metsys")
"""Words that begin what somebody may want to say, as they stand in these."""


def parts(text):
    """What parts of the text say in the encoding that they are in, as (the encoding, the text)."""
    for found in _BASE64.findall(text):
        yield "base64", _of_base64(found)
    if "\n" in text and _WRAPPED.fullmatch(text):
        yield "base64", _of_base64("".join(text.split()))
    for found in _HEX.findall(text):
        yield "hexadecimal", _of_hex(re.sub(r"[ :,]", "", found))
    for found in _SLASHED.findall(text) if "\\x" in text else ():
        yield "escapes", _of_hex(found.replace("\\x", ""))
    for found in _ESCAPED.findall(text) if "\\u" in text else ():
        yield "escapes", "".join(chr(int(code, 16)) for code in re.findall(r"[0-9A-Fa-f]{4}", found))
    for found in _ENTITIES.findall(text) if "&#" in text else ():
        yield "entities", _ENTITY.sub(_character, found)


def wholes(text):
    """What the whole text says if it is in one of the encodings that leave nothing of it as it is."""
    if text.count("%") >= SHORTEST // 2:
        yield "percent signs", _of_percent(text)
    lower = text.lower()
    if any(word in lower for word in _ROT13):
        yield "rot13", codecs.decode(text, "rot13")
    if any(word in lower for word in _BACKWARDS):
        yield "backwards", text[::-1]


def _of_base64(text):
    whole = text.rstrip("=").replace("-", "+").replace("_", "/")
    whole = whole[: len(whole) - (len(whole) % 4 == 1)]
    try:
        return _text(base64.b64decode(whole + "=" * (-len(whole) % 4)))
    except (binascii.Error, ValueError):
        return ""


def _of_hex(digits):
    return _text(bytes.fromhex(digits[: len(digits) & ~1]))


def _of_percent(text):
    return _text(_BYTE.sub(lambda found: chr(int(found[1], 16)), text.replace("+", " ")).encode("latin-1", "replace"))


def _character(found):
    code = found[1]
    number = int(code[1:], 16) if code[0] in "xX" else int(code)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else " "


def _text(data):
    """The text that bytes are, as far as they are one; empty where too little of it could be words."""
    found = data.decode("utf-8", "replace")
    return found if len(_WORDS.sub("", found)) * 4 < len(found) else ""
