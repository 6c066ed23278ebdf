"""`http`: the addresses that a guest may send requests to, and how much may be sent and received.

A grant is a pattern: `https://*.example.com/v1/**`. In the host `*` stands for one label; in the path for one part, and
`**` at its end for any number of parts. Scheme and port are what is written. A query is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.capability import url as urls
from orchestrator.capability._place import refuse
from orchestrator.capability.storage import GrantInput
from orchestrator.capability.url import NotAnAddress, Url
from orchestrator.diagnostics import Diagnostic
from orchestrator.interface.types import Enum
from orchestrator.manifest.model import Http, Where
from orchestrator.manifest.substitution import fill, parts
from orchestrator.wording import listed

BODY = 64 << 20
"""Bytes of a body, of a request or of an answer, where the grant does not say."""
_METHOD = re.compile(r"[A-Z][A-Z0-9-]{0,31}")
_REFUSED = ("CONNECT", "TRACE")
_STAR = "x--any--x"
"""A label that stands for `*` while a pattern is read as an address."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A grant, ready to be asked.

    Arguments:
        text: the pattern as it is written.
        labels: of the host, `*` among them; one for a number.
        segments: of the path; without the `**` at its end.
        deep: whether the path ends with `**`.
        max_request, max_response: bytes of a body.
        timeout: seconds of a whole exchange, or None.
        place: where it is granted.
        trace: whether requests say which trace they are part of.
    """

    text: str
    scheme: str
    labels: tuple[str, ...]
    port: int
    segments: tuple[str, ...]
    deep: bool
    methods: frozenset[str]
    max_request: int = BODY
    max_response: int = BODY
    timeout: float | None = None
    place: str = "grants.http"
    trace: bool = True

    def admits(self, method: str, url: Url) -> bool:
        """Whether a request may be sent."""
        return (
            method in self.methods
            and url.scheme == self.scheme
            and url.port == self.port
            and _fits_host(self.labels, labels_of(url.host))
            and self._leads_to(tuple(url.path.split("/")[1:]))
        )

    def _leads_to(self, segments: tuple[str, ...]) -> bool:
        if self.deep:
            return len(segments) >= len(self.segments) and _fits(self.segments, segments[: len(self.segments)])
        return _fits(self.segments, segments)

    def covers(self, other: Rule) -> bool:
        """Whether every request that the other rule admits is admitted by this one."""
        return (
            other.methods <= self.methods
            and (other.scheme, other.port) == (self.scheme, self.port)
            and _fits_host(self.labels, other.labels)
            and (self.deep or not other.deep)
            and self._leads_to(other.segments)
        )


def _fits(pattern: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """Whether each part is the pattern's, or stands where the pattern takes any; a part that is `*` needs a `*`."""
    return len(pattern) == len(given) and all(
        want == got or (want == "*" and got != "") for want, got in zip(pattern, given, strict=True)
    )


def _fits_host(pattern: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """As `_fits`, for hosts: `*` stands for a name's label, and for no address."""
    return _fits(pattern, given) and (pattern == given or not is_number(given))


def is_number(labels: tuple[str, ...]) -> bool:
    """Whether a host is an address, not a name."""
    return len(labels) == 1 and (":" in labels[0] or "." in labels[0])


def labels_of(host: str) -> tuple[str, ...]:
    """The parts of a host that a pattern looks at one by one; an address is one."""
    return (host,) if ":" in host or host.replace(".", "").isdigit() else tuple(host.split("."))


def match(rules: Sequence[Rule], method: str, url: Url) -> Rule | None:
    """The first rule that admits a request."""
    return next((rule for rule in rules if rule.admits(method, url)), None)


def rule_of(grant: Http, place: str = "grants.http") -> Rule:
    """The rule that a grant is.

    Raises:
        NotAnAddress: its pattern is none, or it names a method that cannot be granted; the message says which.
    """
    methods = frozenset(grant.methods)
    for method in sorted(methods):
        if not _METHOD.fullmatch(method) or method in _REFUSED:
            raise NotAnAddress(f"`{method:.40}` is no method that can be granted")
    if not methods:
        raise NotAnAddress("it grants no method")
    if "?" in grant.url or "#" in grant.url:
        raise NotAnAddress("a pattern has no query and no fragment: every query is allowed")
    scheme, _, rest = grant.url.partition("://")
    authority, slash, path = rest.partition("/")
    if not slash:
        raise NotAnAddress(f"it has no path: write `{grant.url:.60}/**` for every one")
    hosts = re.sub(r"(?<![^.])\*(?![^.:])", _STAR, authority)
    found = urls.parse(f"{scheme}://{hosts}/")
    segments, deep = _segments(path)
    return Rule(
        grant.url,
        found.scheme,
        tuple("*" if label == _STAR else label for label in labels_of(found.host)),
        found.port,
        segments,
        deep,
        methods,
        BODY if grant.max_request is None else grant.max_request,
        BODY if grant.max_response is None else grant.max_response,
        grant.timeout,
        place,
        grant.trace,
    )


def _segments(path: str) -> tuple[tuple[str, ...], bool]:
    segments = path.split("/")
    deep = segments[-1] == "**"
    kept = segments[:-1] if deep else segments
    for segment in kept:
        if "*" in segment and segment != "*":
            raise NotAnAddress("`*` stands for a whole part of the path, and `**` only at its end")
        if segment in (".", ".."):
            raise NotAnAddress("its path has `.` or `..` in it")
    if not kept:
        return (), True
    clean = urls.of_parts("http", "host", "/" + "/".join(kept)).path.split("/")[1:]
    return tuple(clean), deep


def validate(
    grants: tuple[Http, ...], node: str, where: Where, inputs: Mapping[str, GrantInput]
) -> tuple[Diagnostic, ...]:
    """Every reason why the grants are refused."""
    found: list[Diagnostic] = []
    for index, grant in enumerate(grants):
        here = where.at(index)
        wrong = list(_wrong_inputs(grant.url, inputs))
        found += [refuse(message, node, here.at("url"), *help_) for message, *help_ in wrong]
        if not wrong:
            found += [refuse(message, node, here.at(key)) for key, message in _wrong(grant)]
    return tuple(found)


def _wrong(grant: Http) -> Iterator[tuple[str, str]]:
    sample = fill(grant.url, lambda _name: "input")
    try:
        rule_of(Http(sample, ("GET",)))
    except NotAnAddress as problem:
        yield "url", f"`{grant.url:.80}` is no address that can be granted: {problem}"
    try:
        rule_of(Http("http://host/", grant.methods))
    except NotAnAddress as problem:
        yield "methods", str(problem)
    for key in ("max_request", "max_response"):
        size = getattr(grant, key)
        if size is not None and size < 0:
            yield key.replace("_", "-"), f"`{key.replace('_', '-')}` is {size}: expected at least 0"
    if grant.timeout is not None and not 0 < grant.timeout < float("inf"):
        yield "timeout", f"`timeout` is {grant.timeout} seconds: expected more than 0"


def _wrong_inputs(text: str, inputs: Mapping[str, GrantInput]) -> Iterator[tuple[str, ...]]:
    for part in parts(text):
        written = text[part.start : part.end]
        if part.kind in ("fault", "variable"):
            yield f"`{written:.80}` is not known in a granted address", "`${inputs.name}` stands for an input"
        elif part.kind == "input" and part.value not in inputs:
            yield f"`{written:.80}` names no input of the pipeline", f"its inputs: {listed(inputs)}"
        elif part.kind == "input" and not isinstance(inputs[part.value].type, Enum):
            yield f"the input `{part.value}` cannot be part of a granted address", "only inputs of an enum type can"


def prepare(grants: tuple[Http, ...], inputs: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules of grants that `validate` does not refuse, for one run.

    Raises NotAnAddress for an input that makes none of a pattern.
    """
    return tuple(
        rule_of(_filled(grant, inputs), f"grants.http[{index}]: {grant.url}") for index, grant in enumerate(grants)
    )


def _filled(grant: Http, inputs: Mapping[str, Any]) -> Http:
    from dataclasses import replace

    return replace(grant, url=fill(grant.url, lambda name: str(inputs[name])))
