"""What becomes of a node's grants and limits within bounds: what is asked, and nothing that one of them does not allow.

Nothing is refused here: each thing that a bound takes away is told as a `Cut`, and who asks decides what follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.capability.bounds import Bound, resolved
from orchestrator.capability.limits import SHOWN, key_of
from orchestrator.manifest.model import EMPTY, Clock, Grants, Http, Limits, Random, Secret, Stdio, Storage
from orchestrator.manifest.substitution import escape, fill, inputs_of

if TYPE_CHECKING:
    from orchestrator.capability.http import Rule

KNOWS: Mapping[Clock, frozenset[str]] = {
    "none": frozenset(),
    "fixed": frozenset({"the day"}),
    "monotonic": frozenset({"how time goes by"}),
    "wall": frozenset({"the day", "how time goes by"}),
}
"""What each clock tells a guest of the host."""
RANDOMS: tuple[Random, ...] = ("none", "seeded", "secure")
STDIOS: tuple[Stdio, ...] = ("none", "captured", "inherit")
"""Each of them allows what stands before it."""


@dataclass(frozen=True, slots=True)
class Cut:
    """What a bound takes from what a node asks for.

    Arguments:
        path: where that stands among the node's keys: ("grants", "storage", 0), ("limits", "memory").
        asked: in words.
        left: in words; empty where nothing is.
        bound: who takes it.
        optional: the node can live with it.
    """

    path: tuple[str | int, ...]
    asked: str
    left: str
    bound: Bound
    optional: bool

    @property
    def key(self) -> str:
        """The power or limit, `storage` or `limits.memory`."""
        return str(self.path[1]) if self.path[0] == "grants" else f"limits.{self.path[1]}"


@dataclass(frozen=True, slots=True)
class Narrowed:
    """A node's grants and limits within bounds.

    Arguments:
        places: by `storage`, `http` and `secrets`, for each of those grants its number in the pipeline.
        cuts: what was taken away, in the order of the keys.
    """

    grants: Grants
    limits: Limits
    places: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: EMPTY)
    cuts: tuple[Cut, ...] = ()


def narrow(grants: Grants, limits: Limits, bounds: Sequence[Bound], folder: Path) -> Narrowed:
    """The grants and limits within every bound.

    A path or an address with an input in it is left as it is, unless no value of it could be allowed: it is asked again
    for each run.

    Arguments:
        grants: grants that `validate` does not refuse.
        folder: where relative paths of the manifest start.
    """
    return _Narrowing(grants, bounds, folder).done(limits)


class _Narrowing:
    """The work of `narrow`."""

    def __init__(self, grants: Grants, bounds: Sequence[Bound], folder: Path) -> None:
        self.grants, self.bounds, self.folder = grants, bounds, folder
        self.cuts: list[Cut] = []

    def done(self, limits: Limits) -> Narrowed:
        storage = [(at, kept) for at, one in enumerate(self.grants.storage) for kept in self.storage(at, one)]
        http = [(at, kept) for at, one in enumerate(self.grants.http) for kept in self.http(at, one)]
        secrets = [(at, kept) for at, one in enumerate(self.grants.secrets) for kept in self.secret(at, one)]
        clock = self.clock()
        random, stdio = self.random(), self.stdio()
        grants = replace(
            self.grants,
            storage=tuple(kept for _, kept in storage),
            http=tuple(kept for _, kept in http),
            secrets=tuple(kept for _, kept in secrets),
            environment=self.environment(),
            clock=clock,
            clock_at=self.grants.clock_at if clock == "fixed" else None,
            random=random,
            random_seed=self.grants.random_seed if random == "seeded" else 0,
            stdio=stdio,
        )
        places = {
            key: tuple(at for at, _ in kept)
            for key, kept in (("storage", storage), ("http", http), ("secrets", secrets))
        }
        return Narrowed(grants, self.limits(limits), places, tuple(self.cuts))

    def cut(self, path: tuple[str | int, ...], asked: str, left: str, bound: Bound, optional: bool = False) -> None:
        self.cuts.append(Cut(path, asked, left, bound, optional or self.grants.optional))

    def storage(self, at: int, grant: Storage) -> Iterator[Storage]:
        for bound in self.bounds:
            most = self._access(grant, bound)
            if most == "write" or most == grant.access:
                continue
            asked, left = f"{grant.access} `{grant.path}`", "" if most is None else f"{most} `{grant.path}`"
            self.cut(("grants", "storage", at), asked, left, bound, grant.optional)
            if most is None:
                return
            grant = replace(grant, access=most, quota=None, files=None)
        yield grant

    def _access(self, grant: Storage, bound: Bound) -> Any:
        if inputs_of(grant.path):
            every = {access for _, access in bound.folders}
            return "write" if "write" in every else "read" if every else None
        path = resolved(self.folder / fill(grant.path, EMPTY))
        return None if path is None else bound.access(path)

    def http(self, at: int, grant: Http) -> Iterator[Http]:
        from orchestrator.capability.http import rule_of

        if inputs_of(grant.url):
            yield from self._open_http(at, grant)
            return
        rules: tuple[Rule, ...] = (rule_of(replace(grant, url=fill(grant.url, EMPTY))),)
        for bound in self.bounds:
            rules = tuple(kept for rule in rules for kept in self._rules(at, grant, rule, bound))
        yield from (_as_grant(grant, rule) for rule in rules)

    def _open_http(self, at: int, grant: Http) -> Iterator[Http]:
        for bound in self.bounds:
            if not bound.rules:
                self.cut(("grants", "http", at), _request(grant.url, grant.methods), "", bound, grant.optional)
                return
        yield grant

    def _rules(self, at: int, grant: Http, rule: Rule, bound: Bound) -> tuple[Rule, ...]:
        if bound.admits(rule):
            return (rule,)
        kept = bound.common(rule)
        left = ", ".join(_request(one.text, sorted(one.methods)) for one in kept)
        self.cut(("grants", "http", at), _request(rule.text, grant.methods), left, bound, grant.optional)
        return kept

    def secret(self, at: int, grant: Secret) -> Iterator[Secret]:
        from orchestrator.capability.url import parse

        for bound in self.bounds:
            if not bound.takes_secret(grant.name, parse(grant.to).origin):
                self.cut(("grants", "secrets", at), f"`{grant.name}` to `{grant.to}`", "", bound, grant.optional)
                return
        yield grant

    def environment(self) -> Mapping[str, str]:
        kept = dict(self.grants.environment)
        for bound in self.bounds:
            for name in [name for name in kept if not bound.takes_variable(name)]:
                self.cut(("grants", "environment", name), f"`{name}`", "", bound)
                del kept[name]
        return kept

    def clock(self) -> Clock:
        mode = self.grants.clock
        for bound in self.bounds:
            common = KNOWS[mode] & KNOWS[bound.clock]
            if common != KNOWS[mode]:
                left = next(name for name, known in KNOWS.items() if known == common)
                self.cut(("grants", "clock"), f"`{mode}`", f"`{left}`", bound)
                mode = left
        return mode

    def random(self) -> Random:
        mode = self.grants.random
        for bound in self.bounds:
            if RANDOMS.index(mode) > RANDOMS.index(bound.random):
                self.cut(("grants", "random"), f"`{mode}`", f"`{bound.random}`", bound)
                mode = bound.random
        return mode

    def stdio(self) -> Stdio:
        mode = self.grants.stdio
        for bound in self.bounds:
            if STDIOS.index(mode) > STDIOS.index(bound.stdio):
                # What is captured is what a node has that asks for nothing: it is not refused for it.
                self.cut(("grants", "stdio"), f"`{mode}`", f"`{bound.stdio}`", bound, mode == "captured")
                mode = bound.stdio
        return mode

    def limits(self, asked: Limits) -> Limits:
        found = {field: self._limit(asked, field) for field in SHOWN}
        return replace(asked, **found)

    def _limit(self, asked: Limits, field: str) -> Any:
        value = stated = getattr(asked, field)
        # Those that say nothing bound what the node or another one says, and what nobody says they leave to the engine.
        for bound in sorted(self.bounds, key=lambda bound: getattr(bound.limits, field) is None):
            most = bound.most(field) if value is not None else getattr(bound.limits, field)
            if most is None or (value is not None and value <= most):
                continue
            if stated is not None:
                path, show = ("limits", key_of(field)), SHOWN[field]
                self.cuts.append(Cut(path, show(value), show(most), bound, asked.optional))
            value = most
        return value


def _request(url: str, methods: Sequence[str]) -> str:
    return f"{', '.join(methods)} `{url}`"


def _as_grant(grant: Http, rule: Rule) -> Http:
    """The grant of a rule that was made of another grant's."""
    methods = tuple(method for method in grant.methods if method in rule.methods)
    own = fill(grant.url, EMPTY)
    return replace(grant, url=grant.url if rule.text == own else escape(rule.text), methods=methods)
