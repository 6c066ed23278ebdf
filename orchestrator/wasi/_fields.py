"""Headers and trailers as `wasi:http` has them: names and values, checked before they can reach a wire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator.engine.host import HostResource, Refused
from orchestrator.interface.values import Variant
from orchestrator.wasi._kept import Keeper, Share

MOST = 64 << 10
"""Bytes of all names and values of one list."""
MOST_PAIRS = 1024
"""Headers of one list."""
_OF_A_PAIR = 160
"""Bytes that a pair takes beside its name and value."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,1024}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
FORBIDDEN = frozenset(
    (
        "connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Headers that are the host's own, to send and to take."""

Pairs = list[tuple[str, bytes]]


class Fields(HostResource):
    """A list of headers.

    Arguments:
        keeper: counts what is kept for the guest.
        pairs: names and values, in order.
        is_fixed: whether the guest may not change it.
    """

    __slots__ = ("_share", "_size", "is_fixed", "pairs")

    def __init__(self, keeper: Keeper, pairs: Iterable[tuple[str, bytes]] = (), *, is_fixed: bool = False) -> None:
        self.pairs: Pairs = list(pairs)
        self.is_fixed = is_fixed
        self._size = _size(self.pairs)
        self._share = Share(keeper)
        self._share.set(self._size + len(self.pairs) * _OF_A_PAIR)

    def get(self, name: str) -> list[bytes]:
        """The values of a name; none where the name is none."""
        wanted = name.lower()
        return [value for known, value in self.pairs if known.lower() == wanted]

    def append(self, name: str, value: bytes) -> None:
        """One more."""
        self._change(name)
        self._add(name, [value])

    def set(self, name: str, values: Sequence[bytes]) -> None:
        """These values in place of those that are there."""
        self._change(name)
        for value in values:
            _check_value(value)
        self._remove(name)
        self._add(name, values)

    def delete(self, name: str) -> None:
        """None of that name any more."""
        self._change(name)
        self._remove(name)

    def _remove(self, name: str) -> None:
        wanted = name.lower()
        self.pairs = [pair for pair in self.pairs if pair[0].lower() != wanted]
        self._size = _size(self.pairs)
        self._share.set(self._size + len(self.pairs) * _OF_A_PAIR)

    def _add(self, name: str, values: Sequence[bytes]) -> None:
        for value in values:
            _check_value(value)
        size = self._size + len(name) * len(values) + sum(map(len, values))
        if size > MOST or len(self.pairs) + len(values) > MOST_PAIRS:
            raise Refused(Variant("forbidden"))
        self._share.set(size + (len(self.pairs) + len(values)) * _OF_A_PAIR)
        self._size = size
        self.pairs += [(name, value) for value in values]

    def _change(self, name: str) -> None:
        if self.is_fixed:
            raise Refused(Variant("immutable"))
        if not _NAME.fullmatch(name):
            raise Refused(Variant("invalid-syntax"))
        if name.lower() in FORBIDDEN:
            raise Refused(Variant("forbidden"))

    def sent(self) -> list[tuple[bytes, bytes]]:
        """As they go over a wire."""
        return [(name.lower().encode(), value) for name, value in self.pairs]


def _size(pairs: Pairs) -> int:
    return sum(len(name) + len(value) for name, value in pairs)


def _check_value(value: bytes) -> None:
    if not _VALUE.fullmatch(value) or value != value.strip(b" \t"):
        raise Refused(Variant("invalid-syntax"))


def forbidden(name: str) -> str:
    """Why a header of that name was refused as `forbidden`: for its name, or since there are too many."""
    if name.lower() in FORBIDDEN:
        return f"grants.http: the header `{name.lower()}` is the host's own"
    return f"grants.http: headers have {MOST >> 10} KiB and {MOST_PAIRS} pairs at most"


def received(headers: Iterable[tuple[bytes, bytes]]) -> Pairs:
    """What came over a wire, as a guest may read it."""
    shown = ((name.decode("latin-1"), value) for name, value in headers)
    return [pair for pair in shown if pair[0] not in FORBIDDEN]
