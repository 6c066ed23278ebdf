"""A plan as data: what each node may do, who says so, over which edges it speaks, and what it asks for in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.manifest.model import Contract, Declassify, Grants, Http, Limits, RunLimits, Secret, Storage
from orchestrator.manifest.substitution import inputs_of

if TYPE_CHECKING:
    from orchestrator.plan.comparing import Change

FORMAT = 1
"""Of the JSON form; a plan that another version saved differently is not compared."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Something that the pipeline asks and a node does not get.

    Arguments:
        key: the power or limit: `storage`, `limits.memory`.
        place: where it is asked: `grants.storage[0]`.
        asked, left: in words; `left` is empty where nothing is.
        by: who takes it: "the ceiling `ops`", "the manifest of `files`".
    """

    key: str
    place: str
    asked: str
    left: str
    by: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A power that a component imports and is not given.

    Arguments:
        power: the key of the grant that it would need: `http`.
        imports: the interfaces that ask for it.
        instead: what the component finds all the same: its clock "stands at 1970"; empty where an error.
        why: "nothing grants it", or who forbids it.
    """

    power: str
    imports: tuple[str, ...]
    instead: str
    why: str


@dataclass(frozen=True, slots=True)
class EdgePlan:
    """An edge: who may say what to whom.

    Arguments:
        kind: `data`, `call`, `tool` or `output`.
        source, target: nodes, `inputs.x` or `outputs.x`; of a call or tool the caller and the callee.
        over: the interface or function of a call, the name of a tool, the paths of data.
        contract: its rules.
        declassify: the labels that do not cross it, and why that is right.
        condition: of a data edge.
        each: how many elements of its list a data edge spreads at a time; None where it carries one value.
    """

    id: str
    kind: str
    source: str
    target: str
    over: str
    contract: Contract = Contract()
    declassify: Declassify | None = None
    condition: str = ""
    each: int | None = None


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a node may do.

    Arguments:
        component: as the pipeline names it; empty for a Python function.
        digest: of the component's binary; empty for a Python function.
        python: the function that it runs, in the host and trusted; empty for a component.
        runs: the function that it runs when its data is there; empty where it only answers calls.
        lifetime: how long an instance lives.
        store: the other nodes that share its memory and its limits.
        grants, limits: what it has; the limits with the engine's own where nobody says one.
        places: by key, for each grant of a row, where it stands in the pipeline.
        each_run: by key, who else is asked in each run of a grant with an input in it.
        sources: who says a limit, by its field: "pipeline", "the ceiling `ops`", "default".
        reverts: what takes its instances back to how they were after their init, and how; None where nothing does.
        labels: what its data is labelled with, each with where that began.
        sends: why it can send, for a person; empty where it cannot.
        settings: what else is said of it that changes what it does, in words: `bulk`, `retry`, `repeat`, `fallback`,
            and by a digest of their values `args.x` and `config.x`.
        taken: what it asks and does not get.
        refused: what its component imports in vain.
    """

    name: str
    component: str = ""
    digest: str = ""
    python: str = ""
    runs: str = ""
    lifetime: str = "run"
    store: tuple[str, ...] = ()
    grants: Grants = Grants()
    limits: Limits = Limits()
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    each_run: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    reverts: Mapping[str, Any] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    sends: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    taken: tuple[Taken, ...] = ()
    refused: tuple[Refused, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The node as JSON."""
        return {
            "component": self.component or None,
            "digest": f"sha256:{self.digest}" if self.digest else None,
            "python": self.python or None,
            "trusted": bool(self.python),
            "runs": self.runs or None,
            "lifetime": self.lifetime,
            "shares-store-with": list(self.store),
            "grants": self._grants(),
            "limits": self._limits(),
            "reverts": None if self.reverts is None else dict(self.reverts),
            "labels": dict(self.labels),
            "sends": self.sends or None,
            "settings": dict(self.settings),
            "taken": [
                {"key": one.key, "place": one.place, "asked": one.asked, "left": one.left or None, "by": one.by}
                for one in self.taken
            ],
            "refused": [
                {"power": one.power, "imports": list(one.imports), "instead": one.instead or None, "why": one.why}
                for one in self.refused
            ],
        }

    def _grants(self) -> dict[str, Any]:
        grants = self.grants
        return {
            "storage": self._row("storage", map(_storage, grants.storage)),
            "http": self._row("http", map(_http, grants.http)),
            "secrets": self._row("secrets", map(_secret, grants.secrets)),
            "environment": sorted(grants.environment),
            "clock": grants.clock,
            "clock-at": grants.clock_at,
            "random": grants.random,
            "stdio": grants.stdio,
        }

    def _row(self, key: str, items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        places = self.places.get(key, ())
        return [
            item | {"place": place, "each-run": list(self.each_run.get(key, ())) if _has_input(item) else []}
            for item, place in zip(items, places, strict=True)
        ]

    def _limits(self) -> dict[str, Any]:
        return {
            field.replace("_", "-"): {"value": getattr(self.limits, field), "from": source}
            for field, source in self.sources.items()
        }


def _has_input(item: Mapping[str, Any]) -> bool:
    return bool(inputs_of(item.get("path") or item.get("url") or ""))


def _storage(grant: Storage) -> dict[str, Any]:
    return {
        "path": grant.path,
        "at": grant.at,
        "access": grant.access,
        "quota": grant.quota,
        "files": grant.files,
        "hidden": grant.hidden,
    }


def _http(grant: Http) -> dict[str, Any]:
    return {
        "url": grant.url,
        "methods": sorted(grant.methods),
        "max-request": grant.max_request,
        "max-response": grant.max_response,
        "timeout": grant.timeout,
        "trace": grant.trace,
    }


def _secret(grant: Secret) -> dict[str, Any]:
    return {"name": grant.name, "to": grant.to, "header": grant.header}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a whole pipeline may do.

    Arguments:
        pipeline: its name.
        ceilings: the names of those that hold, and a digest of what each says.
        limits: of a run.
        sources: who says a limit of a run, by its field.
        addresses: ranges of addresses, beside public ones, that granted requests may go to.
        inputs: the default of each input that a grant uses, as it is written; None where it has none.
        nodes: in the order in which they run, then those that only answer.
    """

    pipeline: str
    ceilings: Mapping[str, str] = field(default_factory=dict)
    limits: RunLimits = RunLimits()
    sources: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    inputs: Mapping[str, str | None] = field(default_factory=dict)
    nodes: tuple[NodePlan, ...] = ()
    edges: tuple[EdgePlan, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON: what `orchestrator plan --json` prints, and `--save` keeps."""
        return {
            "format": FORMAT,
            "plan": self.pipeline,
            "ceilings": [{"name": name, "digest": digest} for name, digest in self.ceilings.items()],
            "run": {key: {"value": getattr(self.limits, key), "from": source} for key, source in self.sources.items()},
            "addresses": list(self.addresses),
            "inputs": dict(self.inputs),
            "nodes": {node.name: node.to_json() for node in self.nodes},
            "edges": [_edge(edge) for edge in self.edges],
        }

    def compare(self, saved: Mapping[str, Any]) -> tuple[Change, ...]:
        """What is not as it was when a plan was saved in its JSON form: what widened first.

        Raises:
            OrchestratorError: what was saved is no plan, or damaged.
        """
        from orchestrator.plan.comparing import compare

        return compare(saved, self)

    def __str__(self) -> str:
        from orchestrator.plan.showing import show

        return show(self)


def _edge(edge: EdgePlan) -> dict[str, Any]:
    return {
        "id": edge.id,
        "kind": edge.kind,
        "from": edge.source,
        "to": edge.target,
        "over": edge.over,
        "contract": _contract(edge.contract),
        "declassify": _declassified(edge.declassify),
        "when": edge.condition or None,
        "each": edge.each,
    }


def _declassified(rule: Declassify | None) -> dict[str, Any] | None:
    return None if rule is None else {"labels": sorted(rule.labels), "of": rule.of or None, "reason": rule.reason}


def _contract(rules: Contract) -> dict[str, Any]:
    """The rules of a contract, as the language calls them; those that are not asked for are null or empty."""
    return {
        "functions": None if rules.functions is None else sorted(rules.functions),
        "max-calls": rules.max_calls,
        "rate": None if rules.rate is None else list(rules.rate),
        "timeout": rules.timeout,
        "max-request": rules.max_request,
        "max-response": rules.max_response,
        "max-bytes": rules.max_bytes,
        "require": list(rules.require),
        "ensure": list(rules.ensure),
        "reject": [[one.path, one.pattern] for one in rules.reject],
        "redact": list(rules.redact),
        "detect": list(rules.detect),
        "on-violation": rules.on_violation,
    }
