"""Covers secrets in what comes back to a guest: as they are, and as usual encodings have them.

Upper and lower case are taken for one. Not for what a server makes of a secret in a way of its own: who is granted a
secret's origin is trusted with it.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.capability.secrets import Rule

SHORTEST = 8
"""Characters of a secret: covering a shorter one would cover half of every answer, and show which half."""
_HEAD = 4
"""Bytes by which the beginning of a form is looked for."""
_KEPT_BY_SCRIPTS = ("!'()*", "!'()*;/?:@&=+$,#")
"""What `encodeURIComponent` and `encodeURI` leave as it is."""


class Cover:
    """Covers secrets.

    Arguments:
        rules: the secrets.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._shown: dict[bytes, bytes] = {}
        for rule in rules:
            for form in _forms(rule.value):
                self._shown.setdefault(form.lower(), f"[secret {rule.name}]".encode())
        self._longest = sorted(self._shown, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, self._longest)), re.IGNORECASE)
        self.is_needed = bool(self._shown)
        """Whether there is anything to cover."""

    def text(self, text: str) -> str:
        """A whole text, covered."""
        return self.octets(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def octets(self, data: bytes) -> bytes:
        """Whole bytes, covered."""
        return self._pattern.sub(self._replaced, data) if self.is_in(data) else data

    def is_in(self, data: bytes) -> bool:
        """Whether there is something to cover in it."""
        lower = data.lower()
        return any(form in lower for form in self._longest)

    def stream(self) -> Covering:
        """What covers the parts of one stream."""
        return Covering(self)

    def _replaced(self, found: re.Match[bytes]) -> bytes:
        return self._shown[found[0].lower()]

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What of a stream can be handed on, covered, and what has to wait for what follows it."""
        lower, at = data.lower(), 0
        done: list[bytes] = []
        if not any(form in lower for form in self._longest):
            begins = self._begins(lower, 0)
            return data[:begins], data[begins:]
        while True:
            begins = self._begins(lower, at)
            found = self._pattern.search(data, at)
            if found is None or found.start() >= begins:
                return b"".join([*done, data[at:begins]]), data[begins:]
            done += [data[at : found.start()], self._replaced(found)]
            at = found.end()

    def _begins(self, lower: bytes, start: int) -> int:
        """The first place from which the rest could be the beginning of something to cover."""
        return min((_begins(form, lower, start) for form in self._longest), default=len(lower))


def _begins(form: bytes, lower: bytes, start: int) -> int:
    """The first place from which the rest is a beginning of the form; the end where there is none."""
    end = len(lower)
    at = max(start, end - len(form) + 1)
    while (at := lower.find(form[:_HEAD], at)) >= 0:
        if form.startswith(lower[at:]):
            return at
        at += 1
    return next((at for at in range(max(start, end - _HEAD + 1), end) if form.startswith(lower[at:])), end)


class Covering:
    """Covers secrets in what passes by, wherever it is cut into parts; holds no more than the longest form.

    Arguments:
        cover: the secrets.
    """

    __slots__ = ("_cover", "_held")

    def __init__(self, cover: Cover) -> None:
        self._cover, self._held = cover, b""

    def part(self, data: bytes) -> bytes:
        """The next part, covered; what may be the beginning of a secret is held back."""
        if not self._cover.is_needed:
            return data
        done, self._held = self._cover.split(self._held + data)
        return done

    def rest(self) -> bytes:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, b""
        return self._cover.octets(held)


def _forms(value: str) -> set[bytes]:
    """A secret as it is, and as it comes in usual encodings."""
    found = {form for text in _texts(value) for form in _encoded(text)}
    return {form for form in found if len(form) >= SHORTEST}


def _texts(value: str) -> Iterator[str]:
    """The secret; and where it is the base64 of a name and a password, as basic authentication has it, those."""
    yield value
    try:
        inside = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield inside
    yield inside.partition(":")[2]


def _encoded(text: str) -> Iterator[bytes]:
    raw, escaped = text.encode(), json.dumps(text)[1:-1]
    yield raw
    yield raw.hex().encode()
    for written in (escaped, escaped.replace("/", "\\/"), _unicode_escaped(escaped), *_in_html(text)):
        yield written.encode()
    for safe in ("", "/", *_KEPT_BY_SCRIPTS):
        yield urllib.parse.quote(text, safe=safe).encode()
    yield urllib.parse.quote_plus(text).encode()
    for offset in range(3):
        yield from _base64(raw, offset)


def _unicode_escaped(text: str) -> str:
    """As JSON that may stand in HTML has it."""
    return "".join(f"\\u{ord(char):04x}" if char in "<>&'+=" else char for char in text)


def _in_html(text: str) -> Iterator[str]:
    """As HTML has it: with quotes as they are, by their names, and by their numbers."""
    yield html.escape(text)
    plain = html.escape(text, quote=False)
    yield plain
    yield plain.replace('"', "&#34;").replace("'", "&#39;")
    yield plain.replace('"', "&quot;").replace("'", "&#39;")


def _base64(raw: bytes, offset: int) -> Iterator[bytes]:
    """The base64 of something that has the bytes in it, so many behind a whole group.

    What is always the same of it; and all of it, for where nothing follows the bytes.
    """
    whole, begin = base64.b64encode(bytes(offset) + raw).rstrip(b"="), -(-offset * 8 // 6)
    for form in (whole[begin:], whole[begin : (offset + len(raw)) * 8 // 6]):
        yield form
        yield form.replace(b"+", b"-").replace(b"/", b"_")
