"""`secrets`: what the host adds to a guest's requests on the way out, and takes out of what comes back.

The guest never has the value. It is added towards the one origin that the grant names; where an answer, an error or a
trace has it in it, as it is or in a usual encoding, it is covered. A server that gives the value away in a form of its
own cannot be stopped by this: who is granted a secret's origin is trusted with the secret.
"""

from __future__ import annotations

import base64
import json
import re
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.capability import url as urls
from orchestrator.capability._place import refuse
from orchestrator.capability.url import NotAnAddress, Url
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Secret, Where

SHORTEST = 8
"""Characters of a secret: covering a shorter one would cover half of every answer, and show which half."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e]*)")
_KEPT = frozenset(
    (
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    )
)  # fmt: skip
"""Headers that are the host's own."""


class NotGiven(Exception):
    """The operator gave no value for a secret, or one that cannot be used; the message never has the value."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A secret, ready to be added.

    Arguments:
        origin: `scheme://host[:port]` of the only requests that get it.
        header: the name of the header, in lower case.
        text: the header's value with the secret in it.
        value: the secret.
        place: where it is granted.
    """

    name: str
    origin: str
    header: str
    text: str = field(repr=False)
    value: str = field(repr=False)
    place: str = "grants.secrets"


def validate(grants: tuple[Secret, ...], node: str, where: Where) -> tuple[Diagnostic, ...]:
    """Every reason why the grants are refused; no value is looked at."""
    found: list[Diagnostic] = []
    for index, grant in enumerate(grants):
        here = where.at(index)
        found += [refuse(message, node, here.at(key)) for key, message in _wrong(grant)]
        if grant.name in [other.name for other in grants[:index]]:
            found.append(refuse(f"the secret `{grant.name:.60}` is granted twice", node, here.at("name")))
    return tuple(found)


def _wrong(grant: Secret) -> Iterator[tuple[str, str]]:
    if not _NAME.fullmatch(grant.name):
        yield "name", f"`{grant.name:.60}` is no name of a secret: letters, digits, `_` and `-` can stand in one"
    try:
        if urls.parse(grant.to).target != "/":
            yield "to", f"`{grant.to:.80}` has a path: a secret is for a whole origin, `https://host`"
    except NotAnAddress as problem:
        yield "to", f"`{grant.to:.80}` is no origin: {problem}"
    header = _HEADER.fullmatch(grant.header)
    if header is None or header[2].count("{}") != 1:
        yield "header", f"`{grant.header:.80}` is no header: write `Name: text`, with `{{}}` once for the value"
    elif header[1].lower() in _KEPT:
        yield "header", f"`{header[1]}` is a header of the host's own"


def prepare(grants: tuple[Secret, ...], values: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules of grants that `validate` does not refuse.

    Arguments:
        values: what the operator gave, by name.

    Raises NotGiven.
    """
    return tuple(
        found for index, grant in enumerate(grants) if (found := _prepared(grant, values, f"grants.secrets[{index}]"))
    )


def _prepared(grant: Secret, values: Mapping[str, str], place: str) -> Rule | None:
    value = values.get(grant.name)
    if value is None:
        if grant.optional:
            return None
        raise NotGiven(f"the secret `{grant.name}` has no value: give it with `--secret {grant.name}`")
    if len(value) < SHORTEST:
        raise NotGiven(f"the secret `{grant.name}` has {len(value)} characters: expected {SHORTEST} at least")
    if not re.fullmatch(r"[\x20-\x7e]+", value):
        raise NotGiven(f"the secret `{grant.name}` has characters in it that no header can carry")
    header = _HEADER.fullmatch(grant.header)
    assert header is not None
    origin = urls.parse(grant.to).origin
    return Rule(grant.name, origin, header[1].lower(), header[2].replace("{}", value), value, place)


def for_origin(rules: Sequence[Rule], url: Url) -> tuple[Rule, ...]:
    """The secrets that a request to an address gets."""
    return tuple(rule for rule in rules if rule.origin == url.origin)


class Cover:
    """Covers secrets in what passes by, wherever it is cut into parts.

    Arguments:
        rules: the secrets.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._shown = {form: f"[secret {rule.name}]".encode() for rule in rules for form in _forms(rule.value)}
        longest = sorted(self._shown, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest))) if longest else None
        self._longest = len(longest[0]) if longest else 0
        self._held = b""
        self.is_needed = self._pattern is not None
        """Whether there is anything to cover."""

    def text(self, text: str) -> str:
        """A whole text, covered."""
        if self._pattern is None:
            return text
        return self._cover(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def octets(self, data: bytes) -> bytes:
        """Whole bytes, covered."""
        return data if self._pattern is None else self._cover(data)

    def _cover(self, data: bytes) -> bytes:
        assert self._pattern is not None
        return self._pattern.sub(lambda found: self._shown[found[0]], data)

    def part(self, data: bytes) -> bytes:
        """The next part of a stream, covered; what may be the beginning of a secret is held back."""
        if self._pattern is None:
            return data
        whole = self._held + data
        covered = self._cover(whole)
        keep = self._beginning(covered)
        self._held = covered[len(covered) - keep :]
        return covered[: len(covered) - keep]

    def rest(self) -> bytes:
        """What was held back, when nothing more comes."""
        held, self._held = self._held, b""
        return held

    def _beginning(self, data: bytes) -> int:
        """How many bytes at the end could be the beginning of a secret."""
        tail = data[-(self._longest - 1) :] if self._longest > 1 else b""
        for size in range(len(tail), 0, -1):
            end = tail[-size:]
            if any(form.startswith(end) for form in self._shown):
                return size
        return 0


def _forms(value: str) -> set[bytes]:
    """A secret as it is, and as it comes in usual encodings."""
    raw = value.encode()
    quoted = {urllib.parse.quote(value, safe=safe) for safe in ("", "/")} | {urllib.parse.quote_plus(value)}
    encoded = {base64.b64encode(raw), base64.urlsafe_b64encode(raw)}
    whole = {form.rstrip(b"=") for form in encoded}
    escaped = json.dumps(value)[1:-1].encode()
    return {raw, escaped, raw.hex().encode(), raw.hex().upper().encode(), *(text.encode() for text in quoted), *whole}
