"""`secrets`: what the host adds to a guest's requests on the way out, and takes out of what comes back.

The guest never has the value. It is added towards the one origin that the grant names; where an answer, an error or a
trace has it in it, as it is or in a usual encoding, it is covered. A server that gives the value away in a form of its
own cannot be stopped by this: who is granted a secret's origin is trusted with the secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.capability import url as urls
from orchestrator.capability._place import refuse
from orchestrator.capability.cover import SHORTEST
from orchestrator.capability.url import NotAnAddress, Url
from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Secret, Where

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,127}")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x20-\x7e]*)")
_KEPT = frozenset(
    (
        "accept-encoding", "connection", "content-length", "expect", "host", "http2-settings", "if-range", "keep-alive",
        "proxy-authorization", "proxy-connection", "range", "te", "traceparent", "trailer", "transfer-encoding",
        "upgrade",
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
        before = grants[:index]
        if grant.name in [other.name for other in before]:
            found.append(refuse(f"the secret `{grant.name:.60}` is granted twice", node, here.at("name")))
        elif other := next((one for one in before if _same_header(one, grant)), None):
            message = f"`{grant.header:.80}` is the header of the secret `{other.name:.60}`, too: a request has it once"
            found.append(refuse(message, node, here.at("header")))
    return tuple(found)


def _same_header(one: Secret, other: Secret) -> bool:
    """Whether two secrets are to be the same header of the same requests."""
    return one.to == other.to and one.header.partition(":")[0].lower() == other.header.partition(":")[0].lower()


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
    if value != value.strip():
        raise NotGiven(f"the secret `{grant.name}` has a space at its beginning or end, which no header can carry")
    header = _HEADER.fullmatch(grant.header)
    assert header is not None
    origin = urls.parse(grant.to).origin
    return Rule(grant.name, origin, header[1].lower(), header[2].rstrip().replace("{}", value), value, place)


def for_origin(rules: Sequence[Rule], url: Url) -> tuple[Rule, ...]:
    """The secrets that a request to an address gets."""
    return tuple(rule for rule in rules if rule.origin == url.origin)
