"""Covers secrets in what comes back to a guest: as they are, and as usual encodings have them.

Looked for are a secret, its Base64 and its hexadecimal form, each of whose characters may be written by any escape
(`_spelled`). Upper and lower case are taken for one. Not for what a server makes of a secret in a way of its own: who
is granted a secret's origin is trusted with it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.capability._spelled import Traced, spellings, traced

if TYPE_CHECKING:
    from orchestrator.capability.secrets import Rule

SHORTEST = 8
"""Characters of a secret: covering a shorter one would cover half of every answer, and show which half."""
_LETTERS = b"\0" + bytes(range(0x20, 0x7F))
"""What all forms of a secret are written with, but for the ends of lines in Base64 and hexadecimal."""
_ESCAPED = 12
"""Bytes in which a character of a secret is written at most, where it has to be found however its text is cut."""
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_BLANK, _BETWEEN = b"\0\t\n\r ", b"\0\t\n\r ,-.:;_"
"""What may stand within Base64, and between the bytes of hexadecimal, as `0x` may."""
_WRAPPED = re.compile(rb"(?:[0-9A-Za-z+/_=-]{16}|(?:[0-9A-Fa-f]{2}[ ,.:;_-]{1,2}){4}[0-9A-Fa-f]{2},?)\r?\n\Z")
"""How a line ends that may go on in the next one."""

_Labels = Mapping[bytes, bytes]
"""By what is looked for, what stands in its place."""
_Span = tuple[int, int, bytes]


class Cover:
    """Covers secrets.

    Arguments:
        rules: the secrets.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._plain: dict[bytes, bytes] = {}
        self._base64: dict[bytes, bytes] = {}
        self._hexadecimal: dict[bytes, bytes] = {}
        for rule in rules:
            label = f"[secret {rule.name}]".encode()
            for text in map(str.encode, _texts(rule.value)):
                for found, forms in ((self._plain, _plain(text)), (self._base64, _based(text)),
                                     (self._hexadecimal, [text.hex().encode()])):  # fmt: skip
                    found.update((form.lower(), label) for form in forms if len(form) >= SHORTEST)
        longest = max(map(len, self._plain), default=0)
        self.most = 1 << (_ESCAPED * longest).bit_length()
        """Bytes that a form of a secret takes at most, where it has to be found however its text is cut."""
        self.is_needed = bool(self._plain)
        """Whether there is anything to cover."""

    def text(self, text: str) -> str:
        """A whole text, covered."""
        return self.octets(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def octets(self, data: bytes) -> bytes:
        """Whole bytes, covered."""
        return self._covered(data, len(data))[0]

    def is_in(self, data: bytes) -> bool:
        """Whether there is something to cover in it."""
        return any(
            _has(read, self._plain)
            or _has(read.translate(_URL_SAFE, _BLANK), self._base64)
            or _has(read.translate(None, _BETWEEN).replace(b"0x", b""), self._hexadecimal)
            for text in spellings(data)
            for read in _without_zeroes(text)
        )

    def stream(self) -> Covering:
        """What covers the parts of one stream."""
        return Covering(self)

    def split(self, data: bytes) -> tuple[bytes, bytes]:
        """What of a stream can be handed on, covered, and what has to wait for what follows it."""
        done, end = self._covered(data, self._end(data))
        return done, data[end:]

    def _covered(self, data: bytes, end: int) -> tuple[bytes, int]:
        """The bytes up to an end, or to that of a secret that begins before it, covered; and how many those are."""
        at, done = 0, []
        for start, stop, label in self._spans(data) if self.is_in(data) else ():
            if start >= end:
                break
            done += [data[at:start], label]
            at = stop
        end = max(at, end)
        return b"".join([*done, data[at:end]]), end

    def _spans(self, data: bytes) -> list[_Span]:
        """Where the secrets are, in order; where some overlap, all of them are one."""
        every = sorted(self._found(data), key=lambda span: (span[0], -span[1]))
        found: list[_Span] = []
        for start, end, label in every:
            if found and start < found[-1][1]:
                first, last, kept = found[-1]
                found[-1] = (first, max(last, end), kept)
            else:
                found.append((start, end, label))
        return found

    def _found(self, data: bytes) -> Iterator[_Span]:
        for view in traced(data):
            for read in _traced_without_zeroes(view):
                yield from _each(read, self._plain)
                yield from _each(_without(read, _BLANK).translated(_URL_SAFE), self._base64)
                yield from _each(_traced_joined(read), self._hexadecimal)

    def _end(self, data: bytes) -> int:
        """Where what waits begins: it could be the beginning of a secret by its characters and its length alone.

        Whether it is one plays no part. Who has a server say what it likes would see by what comes at once and what
        does not how far that is right, and find a secret out letter by letter.
        """
        first = max(0, len(data) - self.most)
        end = len(data)
        while True:
            end = first + len(data[first:end].rstrip(_LETTERS))
            wrapped = _WRAPPED.search(data, max(first, end - 24), end) if end > first else None
            if wrapped is None:
                return end
            end = wrapped.start()


class Covering:
    """Covers secrets in what passes by, wherever it is cut into parts; holds no more than twice the longest form.

    What ends with the end of a line, or anything else that is in no secret, is handed on at once; but for a line that
    may be one of several of Base64 or hexadecimal.

    Arguments:
        cover: the secrets.
    """

    __slots__ = ("_cover", "_held")

    def __init__(self, cover: Cover) -> None:
        self._cover, self._held = cover, bytearray()

    def part(self, data: bytes) -> bytes:
        """The next part, covered; what could be the beginning of some secret is held back, whether or not it is."""
        if not self._cover.is_needed:
            return data
        self._held += data
        if len(self._held) < 2 * self._cover.most and not data.rstrip(_LETTERS):
            return b""  # nothing of it would be handed on; looking at all of it for each byte would take long
        done, held = self._cover.split(bytes(self._held))
        self._held = bytearray(held)
        return done

    def rest(self) -> bytes:
        """What was held back, when nothing more comes."""
        held, self._held = bytes(self._held), bytearray()
        return self._cover.octets(held)


# What is looked for


def _texts(value: str) -> Iterator[str]:
    """The secret; and where it is the base64 of a name and a password, as basic authentication has it, those."""
    yield value
    try:
        inside = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield inside
    yield inside.partition(":")[2]


def _plain(text: bytes) -> Iterator[bytes]:
    """As it is; as a form of HTML writes its blanks; and what is read of it where an escape stands in itself."""
    yield text
    yield text.replace(b" ", b"+")
    yield from spellings(text)[1:]


def _based(text: bytes) -> Iterator[bytes]:
    """The base64 of something that has the bytes in it, so many behind a whole group.

    What is always the same of it; and all of it, for where nothing follows the bytes.
    """
    for offset in range(3):
        whole, begin = base64.b64encode(bytes(offset) + text).rstrip(b"="), -(-offset * 8 // 6)
        yield whole[begin:]
        yield whole[begin : (offset + len(text)) * 8 // 6]


# Where it is looked for


def _without_zeroes(text: bytes) -> Iterator[bytes]:
    """The text; and without zeroes, which stand between characters in UTF-16."""
    yield text
    if b"\0" in text:
        yield text.replace(b"\0", b"")


def _has(text: bytes, forms: _Labels) -> bool:
    return any(form in text for form in forms)


def _traced_without_zeroes(text: Traced) -> Iterator[Traced]:
    yield text
    if b"\0" in text.text:
        yield _without(text, b"\0")


def _without(text: Traced, dropped: bytes) -> Traced:
    return text.kept([at for at, byte in enumerate(text.text) if byte not in dropped])


def _traced_joined(text: Traced) -> Traced:
    joined = _without(text, _BETWEEN)
    marks = {at + more for at in _places(joined.text, b"0x") for more in (0, 1)}
    return joined.kept([at for at in range(len(joined.text)) if at not in marks])


def _each(text: Traced, forms: _Labels) -> Iterator[_Span]:
    for form, label in forms.items():
        yield from ((*text.origin(at, at + len(form)), label) for at in _places(text.text, form))


def _places(text: bytes, form: bytes) -> Iterator[int]:
    """Where a form is in a text, one behind the other."""
    at = text.find(form)
    while at >= 0:
        yield at
        at = text.find(form, at + len(form))
