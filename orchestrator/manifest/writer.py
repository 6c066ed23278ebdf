"""A pipeline -> YAML text that reads as the same pipeline.

Not for what only Python can hold: a closure as a node, an object among the constants. Those are refused by name.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from orchestrator.diagnostics import Diagnostic
from orchestrator.errors import InvalidPipeline
from orchestrator.interface.values import Variant
from orchestrator.manifest import model
from orchestrator.manifest.model import MISSING
from orchestrator.manifest.scalars import plain_value, show_duration, show_rate, show_size, show_time
from orchestrator.manifest.substitution import escape

_WIDTH = 110


def write(manifest: model.Manifest) -> str:
    """The pipeline as YAML text; reading it gives an equal manifest, constants in their JSON form.

    Raises `InvalidPipeline` for what YAML cannot hold, all of it at once. Relative paths are written as they are: keep
    the file in the manifest's folder.
    """
    from orchestrator.manifest.reader import check

    faults: list[Diagnostic] = []
    data = {key: value for key, value in _Writer(faults).pipeline(manifest) if value not in (None, "", {}, [])}
    if faults:
        raise InvalidPipeline(faults)
    text = _dump(data)
    reading = check(text, "the written pipeline", manifest.folder, allow_python=True)
    reading.result()
    return text


class _Writer:
    """Makes plain maps and lists of the model; collects what cannot be written."""

    def __init__(self, faults: list[Diagnostic]) -> None:
        self.faults = faults

    def fault(self, place: str, message: str, help: str = "") -> None:
        lines = (help,) if help else ()
        self.faults.append(Diagnostic("not-writable", message, place=place, help=lines))

    def pipeline(self, manifest: model.Manifest) -> Iterator[tuple[str, Any]]:
        yield "pipeline", manifest.name
        yield "description", escape(manifest.description)
        yield "inputs", {one.name: self.input(one) for one in manifest.inputs}
        yield "outputs", {one.name: str(one.source) for one in manifest.outputs}
        yield "nodes", {one.name: _given(self.node(one)) for one in manifest.nodes}
        yield "edges", [_given(self.edge(one)) for one in manifest.edges]
        yield "limits", _given([("timeout", _duration(manifest.limits.timeout)), ("calls", manifest.limits.calls)])
        yield "labels", {one.name: _label(one) for one in manifest.labels}

    def input(self, one: model.Input) -> Any:
        from orchestrator.interface import show_type

        kind = "path" if one.is_path else show_type(one.type, full=True)
        fields: dict[str, Any] = {"type": kind}
        if one.default is not MISSING:
            fields["default"] = self.value(one.default, f"input `{one.name}`")
        if one.labels:
            fields["labels"] = list(one.labels)
        if one.description:
            fields["description"] = escape(one.description)
        return fields if len(fields) > 1 else kind

    def node(self, node: model.Node) -> Iterator[tuple[str, Any]]:
        place = f"node `{node.name}`"
        yield "component", escape(node.component)
        yield "python", self.python(node.python, place)
        yield "run", node.run
        yield "args", self.map(node.args, place)
        yield "config", self.map(node.config, place)
        yield "grants", _given(self.grants(node.grants, place))
        yield "limits", _given(_limits(node.limits))
        yield "lifetime", None if node.lifetime == "run" else node.lifetime
        yield "bulk", None if node.bulk == "auto" else node.bulk
        yield "repeat", node.repeat and _given(self.repeat(node.repeat))
        yield "retry", node.retry and _given(self.retry(node.retry))
        yield "fallback", node.fallback
        yield "labels", list(node.labels)
        yield "snapshot", node.snapshot and _KeptMap(_given(self.snapshots(node.snapshot, place)))
        yield "revert-after", None if node.revert_after == "never" else node.revert_after
        yield "revert-on", node.revert_on and _KeptMap(_given(_revert_on(node.revert_on)))
        yield "description", escape(node.description)

    def snapshots(self, rules: model.Snapshots, place: str) -> Iterator[tuple[str, Any]]:
        if rules.warm_up is not None:
            args = self.map(rules.warm_up.args, place)
            yield "warm-up", {"call": rules.warm_up.call, **({"args": args} if args else {})}
        yield "steps", rules.steps or None
        yield "quarantine", rules.quarantine or None

    def python(self, function: model.PythonFunction | None, place: str) -> Any:
        if function is None:
            return None
        if not isinstance(function.target, str):
            name = getattr(function.target, "__qualname__", repr(function.target))
            help = "put the function into a module and name it: `package.module:function`"
            self.fault(place, f"the Python function `{name}` of {place} cannot be written as YAML", help)
            return None
        return {"function": function.target, "signature": function.signature} if function.signature else function.target

    def grants(self, grants: model.Grants, place: str) -> Iterator[tuple[str, Any]]:
        yield "storage", [_given(_storage(one)) for one in grants.storage]
        yield "http", [_given(_http(one)) for one in grants.http]
        yield "secrets", [_given(_secret(one)) for one in grants.secrets]
        yield "environment", {name: escape(value) for name, value in grants.environment.items()}
        yield "clock", self.clock(grants, place)
        yield "random", _random(grants)
        yield "stdio", None if grants.stdio == "captured" else grants.stdio
        yield "optional", grants.optional or None

    def clock(self, grants: model.Grants, place: str) -> Any:
        if grants.clock_at is None or grants.clock != "fixed":
            return None if grants.clock == "none" else grants.clock
        try:
            return {"fixed": show_time(grants.clock_at)}
        except ValueError as error:
            self.fault(place, f"the clock of {place} cannot be written as YAML: {error}")
            return None

    def repeat(self, repeat: model.Repeat) -> Iterator[tuple[str, Any]]:
        yield "until", escape(repeat.until)
        yield "feed", {name: model.show_steps(steps) or "." for name, steps in repeat.feed.items()}
        yield "max", repeat.max
        yield "at-max", None if repeat.at_max == "error" else repeat.at_max

    def retry(self, retry: model.Retry) -> Iterator[tuple[str, Any]]:
        yield "times", retry.times
        yield "wait", _duration(retry.wait) if retry.wait else None
        yield "on", None if retry.on == model.Retry(1).on else list(retry.on)

    def edge(self, edge: model.Edge) -> Iterator[tuple[str, Any]]:
        kind = {model.DataEdge: "data", model.CallEdge: "call", model.ToolEdge: "tool"}[type(edge)]
        yield kind, str(edge)
        if isinstance(edge, model.CallEdge):
            yield "interface", edge.interface
        if isinstance(edge, model.DataEdge):
            yield "when", escape(edge.when)
            yield "each", edge.each and {"parallel": edge.each.parallel}
        yield "contract", _given(self.contract(edge.contract, f"edge `{edge}`"))
        if isinstance(edge, model.CallEdge):
            yield "fuse", edge.fuse or None
        yield "declassify", edge.declassify and _given(_declassify(edge.declassify))
        yield "description", escape(edge.description)

    def contract(self, rules: model.Contract, place: str) -> Iterator[tuple[str, Any]]:
        if rules.functions is not None:
            yield "functions", _Kept(rules.functions)
        yield "max-calls", rules.max_calls
        yield "rate", self.rate(rules.rate, place)
        yield "timeout", _duration(rules.timeout)
        yield "max-request", _size(rules.max_request)
        yield "max-response", _size(rules.max_response)
        yield "max-bytes", _size(rules.max_bytes)
        yield "require", [escape(one) for one in rules.require]
        yield "ensure", [escape(one) for one in rules.ensure]
        yield "reject", [{"path": escape(one.path), "pattern": escape(one.pattern)} for one in rules.reject]
        yield "redact", [escape(one) for one in rules.redact]
        yield "detect", rules.detect[0] if len(rules.detect) == 1 else list(rules.detect)
        yield "on-violation", None if rules.on_violation == "fail" else rules.on_violation

    def text(self, value: str, place: str) -> str:
        if any("\ud800" <= char <= "\udfff" for char in value):
            self.fault(place, "half of a surrogate pair cannot be written as YAML")
        return escape(value)

    def rate(self, rate: tuple[int, float] | None, place: str) -> str | None:
        try:
            return rate and show_rate(rate)
        except ValueError as error:
            self.fault(place, f"the rate of {place} cannot be written as YAML: {error}")
            return None

    def map(self, values: Mapping[str, Any], place: str) -> dict[str, Any]:
        return {key: self.value(value, f"{place}, `{key}`") for key, value in values.items()}

    def value(self, value: Any, place: str) -> Any:
        """The JSON form of a constant."""
        match value:
            case None | bool() | int():
                return value
            case str():
                return self.text(value, place)
            case float():
                return value if isfinite(value) else {"inf": "inf", "-inf": "-inf"}.get(str(value), "nan")
            case bytes():
                return b64encode(value).decode()
            case Variant(case, None):
                return escape(case)
            case Variant(case, inner):
                return {case: self.value(inner, place)}
            case frozenset() | set():
                return sorted(escape(str(one)) for one in value)
            case list() | tuple():
                return _Kept(self.value(one, place) for one in value)
            case Mapping():
                return {str(key): self.value(inner, place) for key, inner in value.items()}
        self.fault(place, f"a value of type {type(value).__name__} cannot be written as YAML")
        return None


def _label(label: model.Label) -> Any:
    return {"is": label.sort, "description": escape(label.description)} if label.description else label.sort


def _declassify(rule: model.Declassify) -> Iterator[tuple[str, Any]]:
    yield "labels", list(rule.labels)
    yield "reason", escape(rule.reason)
    yield "of", rule.of


def _storage(grant: model.Storage) -> Iterator[tuple[str, Any]]:
    yield "path", grant.path
    yield "at", escape(grant.at)
    yield "access", grant.access
    yield "quota", _size(grant.quota)
    yield "files", grant.files
    yield "hidden", grant.hidden or None
    yield "optional", grant.optional or None


def _http(grant: model.Http) -> Iterator[tuple[str, Any]]:
    yield "url", grant.url
    yield "methods", None if grant.methods == model.METHODS else list(grant.methods)
    yield "max-request", _size(grant.max_request)
    yield "max-response", _size(grant.max_response)
    yield "timeout", _duration(grant.timeout)
    yield "trace", None if grant.trace else False
    yield "optional", grant.optional or None


def _secret(grant: model.Secret) -> Iterator[tuple[str, Any]]:
    yield "name", grant.name
    yield "to", escape(grant.to)
    yield "header", escape(grant.header)
    yield "optional", grant.optional or None


def _random(grants: model.Grants) -> Any:
    if grants.random == "seeded" and grants.random_seed:
        return {"seeded": grants.random_seed}
    return None if grants.random == "none" else grants.random


def _limits(limits: model.Limits) -> Iterator[tuple[str, Any]]:
    yield "memory", _size(limits.memory)
    yield "tables", limits.tables
    yield "timeout", _duration(limits.timeout)
    yield "fuel", limits.fuel
    yield "host-calls", limits.host_calls
    yield "output", _size(limits.output)
    yield "handles", limits.handles
    yield "optional", limits.optional or None


class _Kept(list[Any]):
    """A list that is written even when it is empty."""


class _KeptMap(dict[str, Any]):
    """A map that is written even when it is empty."""


def _given(pairs: Iterator[tuple[str, Any]] | list[tuple[str, Any]]) -> dict[str, Any]:
    """What differs from its default."""
    return {
        key: value for key, value in pairs if isinstance(value, _Kept | _KeptMap) or value not in (None, "", {}, [])
    }


def _revert_on(rules: model.RevertOn) -> Iterator[tuple[str, Any]]:
    yield "violations", rules.violations
    yield "denials", rules.denials


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else show_duration(seconds)


def _size(size: int | None) -> str | None:
    return None if size is None else show_size(size)


def _dump(data: Mapping[str, Any]) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Quotes what the language would not read as text; knows no anchors."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            return super().increase_indent(flow, False)

    def text(dumper: Any, value: str) -> Any:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=_style(value))

    Dumper.add_representer(str, text)
    Dumper.add_multi_representer(list, Dumper.represent_list)
    Dumper.add_multi_representer(dict, Dumper.represent_dict)
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False)


def _style(value: str) -> str | None:
    if not all(char.isprintable() or char == "\n" for char in value):
        return '"'
    try:
        return None if isinstance(plain_value(value), str) else '"'
    except ValueError:
        return '"'
