"""What one party allows a node at most, in one form that can be asked: the words of a ceiling, or a component's claims.

Not for what becomes of a node's grants: that is `ceiling`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.capability.limits import OWN, SHOWN
from orchestrator.manifest.model import (
    NOWHERE,
    Access,
    Ceiling,
    Claims,
    Clock,
    Http,
    Limits,
    Random,
    Stdio,
    Where,
)

if TYPE_CHECKING:
    from orchestrator.capability.http import Rule

MOST_SHOWN = 4
"""Things of a list that a message shows."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What one party allows at most.

    Arguments:
        party: who: whoever runs the pipeline, or the component's own manifest.
        name: what messages call it: "the ceiling `ops`", "the manifest of `files`".
        folders: resolved paths, None for any, and what may be done beneath them.
        rules: requests.
        any_method: whether the methods of the rules are not looked at.
        secrets: names, and the origin that each may go to; empty for any.
        environment: names of variables, or beginnings of names with a `*`.
        clock, random, stdio: the most of each.
        limits: of a node.
        where: where its grants stand.
        limits_where: where its limits stand.
    """

    party: Literal["ceiling", "manifest"]
    name: str
    folders: tuple[tuple[Path | None, Access], ...] = ()
    rules: tuple[Rule, ...] = ()
    any_method: bool = False
    secrets: tuple[tuple[str, str], ...] = ()
    environment: tuple[str, ...] = ()
    clock: Clock = "none"
    random: Random = "none"
    stdio: Stdio = "captured"
    limits: Limits = Limits()
    where: Where = field(default=NOWHERE, compare=False, repr=False)
    limits_where: Where = field(default=NOWHERE, compare=False, repr=False)

    def access(self, path: Path) -> Access | None:
        """The most that may be done in a folder, whose path is resolved; None where nothing may."""
        found = {access for folder, access in self.folders if folder is None or path.is_relative_to(folder)}
        return "write" if "write" in found else "read" if found else None

    def admits(self, rule: Rule) -> bool:
        """Whether every request that a rule admits is allowed."""
        return all(self._admits(replace(rule, methods=frozenset({method}))) for method in rule.methods)

    def _admits(self, rule: Rule) -> bool:
        return any(own.covers(rule) for own in self._rules(rule))

    def common(self, rule: Rule) -> tuple[Rule, ...]:
        """Rules that admit what both a rule and this admit, and nothing else."""
        from orchestrator.capability.patterns import meet

        found = [met for own in self._rules(rule) if (met := meet(rule, own)) is not None]
        wider = (one for at, one in enumerate(found) if not _covered(one, found[:at], found[at + 1 :]))
        return tuple(wider)

    def _rules(self, rule: Rule) -> Iterator[Rule]:
        return (replace(own, methods=rule.methods) if self.any_method else own for own in self.rules)

    def takes_secret(self, name: str, origin: str) -> bool:
        """Whether a secret may go to an origin."""
        return any(own == name and to in ("", origin) for own, to in self.secrets)

    def takes_variable(self, name: str) -> bool:
        """Whether a variable may stand in the environment."""
        return any(name.startswith(own[:-1]) if own.endswith("*") else name == own for own in self.environment)

    def most(self, field: str) -> Any:
        """The most of a limit that a node may state; None for no bound.

        A ceiling that says nothing of it allows what the engine gives where nobody does.
        """
        said = getattr(self.limits, field)
        return OWN.get(field) if said is None and self.party == "ceiling" else said

    def allows_any(self, power: str) -> bool:
        """Whether it allows anything of a power, by the key of its grant."""
        rows: dict[str, object] = {"storage": self.folders, "http": self.rules}
        return bool(rows.get(power, getattr(self, power, None))) and getattr(self, power, "") != "none"

    def depends(self, key: str) -> bool:
        """Whether what it allows of a power depends on which folder, or which address, that is for."""
        return key != "storage" or any(folder is not None for folder, _ in self.folders)

    def shown(self, key: str) -> str:
        """What it allows of a power or a limit, in words; of many things the first ones."""
        field = key.removeprefix("limits.").replace("-", "_")
        if field != key:
            return SHOWN[field](self.most(field))
        match key:
            case "storage":
                every = [f"{access} `{path}`" if path else f"{access} in any folder" for path, access in self.folders]
            case "http":
                every = [f"`{rule.text}`{self._methods(rule)}" for rule in self.rules]
            case "secrets":
                every = [f"`{name}`" + (f" to `{to}`" if to else "") for name, to in self.secrets]
            case "environment":
                every = [f"`{name}`" for name in self.environment]
            case _:
                every = [f"`{getattr(self, key)}`"]
        rest = [f"{len(every) - MOST_SHOWN} more"] if len(every) > MOST_SHOWN else []
        return ", ".join([*every[:MOST_SHOWN], *rest]) or "nothing"

    def says(self, key: str) -> str:
        """What it says of a power, in words, and where."""
        verb = "allows" if self.party == "ceiling" else "claims"
        if key.startswith("limits.") and getattr(self.limits, key.removeprefix("limits.").replace("-", "_")) is None:
            return f"{self.name} says nothing of it, and allows {self.shown(key)}, as the engine does of itself"
        place = self.place(key)
        return f"{self.name} {verb} {self.shown(key)}" + (f" ({place})" if place else "")

    def _methods(self, rule: Rule) -> str:
        return "" if self.any_method else f" by {', '.join(sorted(rule.methods))}"

    def place(self, key: str) -> str:
        """Where it says what it says of a power or a limit, `ops.yaml:4:5`; empty where it comes from no text."""
        limit = key.removeprefix("limits.")
        span = (self.where.at(key) if limit == key else self.limits_where.at(limit)).span
        return "" if span is None else f"{span.source.name}:{span.line}:{span.column}"


def _covered(rule: Rule, before: list[Rule], after: list[Rule]) -> bool:
    """Whether another rule of a row admits all that this one does; of two that are alike the first stays."""
    return any(one.covers(rule) for one in before) or any(one.covers(rule) and not rule.covers(one) for one in after)


def of_ceiling(ceiling: Ceiling) -> Bound:
    """What a ceiling allows. Raises NotAnAddress for an address that is none: `ceiling.validate` refuses it first."""
    from orchestrator.capability.http import rule_of
    from orchestrator.capability.url import parse

    grants = ceiling.grants
    return Bound(
        "ceiling",
        f"the ceiling `{ceiling.name}`",
        tuple(
            (folder, access)
            for path, access in grants.storage
            if (folder := resolved(ceiling.folder / path)) is not None
        ),
        tuple(rule_of(grant) for grant in grants.http),
        secrets=tuple((name, parse(to).origin) for name, to in grants.secrets),
        environment=grants.environment,
        clock=grants.clock,
        random=grants.random,
        stdio=grants.stdio,
        limits=ceiling.limits,
        where=ceiling.where.at("grants"),
        limits_where=ceiling.where.at("limits"),
    )


def of_claims(claims: Claims, component: str) -> Bound:
    """What a component claims. Raises NotAnAddress, as `of_ceiling`."""
    from orchestrator.capability.http import rule_of

    return Bound(
        "manifest",
        f"the manifest of `{component}`",
        () if claims.storage is None else ((None, claims.storage),),
        tuple(rule_of(Http(url)) for url in claims.http),
        any_method=True,
        secrets=tuple((name, "") for name in claims.secrets),
        environment=claims.environment,
        clock=claims.clock,
        random=claims.random,
        stdio=claims.stdio,
        where=claims.where,
    )


def resolved(path: Path) -> Path | None:
    """The path without symbolic links and `..`, as far as it is there; None where it cannot be told."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return None
