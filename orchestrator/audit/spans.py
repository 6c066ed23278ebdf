"""Events made into OpenTelemetry spans, with the names of `names`. Pure: nothing is sent here; see `otlp`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.audit import names
from orchestrator.audit.ids import parse_traceparent, span_id, trace_id
from orchestrator.audit.tally import is_fused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event as SpanEvent
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext, SpanKind, Status

    from orchestrator.audit.events import Event

Attributes = dict[str, str | bool | int | float]

_LONGEST = 16_384
"""Characters of an attribute; more is cut."""
MOMENTS = {
    "violation": names.VIOLATION_EVENT,
    "limit": names.LIMIT_EVENT,
    "output": names.OUTPUT_EVENT,
    "retry": names.RETRY_EVENT,
    "fallback": names.FALLBACK_EVENT,
    "declassify": names.DECLASSIFY_EVENT,
    "revert": names.REVERT_EVENT,
}
"""The kinds of events that become events of a span, and their names; of accesses those that take no time do too."""
_DETAILS = {
    "caller": names.CALLER,
    "digest": names.DIGEST,
    "outcome": names.OUTCOME,
    "lifetime": names.LIFETIME,
    "peak_memory": names.PEAK_MEMORY,
    "fuel": names.FUEL,
    "busy": names.BUSY,
    "attempt": names.ATTEMPT,
    "element": names.ELEMENT,
    "round": names.ROUND,
    "limit": names.LIMIT_NAME,
    "asked": names.LIMIT_ASKED,
    "allowed": names.LIMIT_ALLOWED,
    "subject": names.SUBJECT,
    "message": names.MESSAGE,
    "stream": names.STREAM,
    "text": names.TEXT,
    "cut": names.CUT,
    "labels": names.LABELS,
    "pages": names.PAGES,
    "took": names.TOOK,
    "by": names.TAKEN_BY,
    "kept": names.KEPT_STATE,
    "not-kept": names.NOT_KEPT,
    "reason": names.REASON,
    "of": names.SIDE,
    "model": names.MODEL,
    "provider": names.PROVIDER,
    "input_tokens": names.INPUT_TOKENS,
    "output_tokens": names.OUTPUT_TOKENS,
    "error_type": names.ERROR_TYPE,
}
_REST = {"of": names.REST_KIND, "count": names.REST_COUNT, "busy": names.REST_BUSY, "why": names.REST_WHY}
_ELSEWHERE = {"pipeline", "inputs", "limits", "tool", "error", "traceparent"}
"""Details that are a span's name, its status or several attributes."""


class SpanMaker:
    """Makes spans of a stream of events.

    What is a moment (a violation, a limit, output) waits for the span that it happened in, or for the end of its run,
    and becomes an event of that span. A `start` becomes nothing.

    Arguments:
        resource: what describes this process; None for `resource()`.
    """

    def __init__(self, resource: Resource | None = None) -> None:
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        self._resource = default_resource() if resource is None else resource
        self._scope = InstrumentationScope("orchestrator", _version())
        self._moments: dict[str, dict[int, list[SpanEvent]]] = {}

    def spans(self, events: Iterable[Event]) -> list[ReadableSpan]:
        """The spans that these events complete."""
        made = []
        for event in events:
            if event.kind in MOMENTS or (event.kind == "access" and not event.duration):
                within = self._moments.setdefault(event.run, {})
                within.setdefault(event.parent, []).append(_moment(event))
            elif event.kind != "start":
                made.append(self._span(event))
        return made

    def _span(self, event: Event) -> ReadableSpan:
        from opentelemetry.sdk.trace import ReadableSpan

        return ReadableSpan(
            _text(span_name(event)),
            context=_context(trace_id(event.run), span_id(event.run, event.span)),
            parent=_parent(event),
            resource=self._resource,
            attributes=attributes(event),
            events=self._events(event),
            kind=_kind(event),
            status=_status(event),
            start_time=event.start,
            end_time=event.start + event.duration,
            instrumentation_scope=self._scope,
        )

    def _events(self, event: Event) -> list[SpanEvent]:
        if event.kind != "run":
            return self._moments.get(event.run, {}).pop(event.span, [])
        left = self._moments.pop(event.run, {})
        return sorted((moment for within in left.values() for moment in within), key=lambda moment: moment.timestamp)


def default_resource() -> Resource:
    """What describes this process: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES, or the service `orchestrator`."""
    from opentelemetry.sdk.resources import Resource

    own = Resource.create({"service.version": _version()})
    name = str(own.attributes.get("service.name", ""))
    return own.merge(Resource({"service.name": "orchestrator"})) if name.startswith("unknown_service") else own


def span_name(event: Event) -> str:
    """The name of the event's span."""
    return _NAMES[event.kind](event)


def attributes(event: Event) -> Attributes:
    """The attributes of the event's span or span event."""
    detail = event.detail or {}
    found: Attributes = dict(_OPERATIONS.get(event.kind, _no_operation)(event))
    _put(found, names.NODE, event.node)
    _put(found, names.EDGE, event.edge)
    _put(found, names.FUNCTION, event.function)
    _put(found, names.RULE, event.rule)
    found[names.DECISION] = event.decision
    if event.request >= 0:
        found[names.REQUEST_SIZE] = event.request
    if event.response >= 0:
        found[names.RESPONSE_SIZE] = event.response
    _more(found, detail, _REST if event.kind == "rest" else _DETAILS)
    if is_fused(event):
        # Nobody measured how long they took.
        found.pop(names.REST_BUSY, None)
        found[names.FUSED] = True
    if event.decision != "allowed":
        found.setdefault(names.ERROR_TYPE, event.decision)
    return found


def _more(found: Attributes, detail: Mapping[str, Any], known: Mapping[str, str]) -> None:
    for key, value in detail.items():
        if key not in _ELSEWHERE:
            _put(found, known.get(key) or names.DETAIL.format(_text(str(key))), value)
    for name, value in _mapping(detail, "inputs"):
        _put(found, names.INPUT_SIZE.format(_text(str(name))), value)
    for name, value in _mapping(detail, "limits"):
        _put(found, names.LIMIT.format(_text(str(name))), value)


def _mapping(detail: Mapping[str, Any], key: str) -> Iterable[tuple[Any, Any]]:
    value = detail.get(key)
    return value.items() if isinstance(value, dict) else ()


def _put(found: Attributes, name: str, value: object) -> None:
    """Sets an attribute, unless there is nothing to say."""
    if value is None or value == "":
        return
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    small = isinstance(value, bool | float) or (isinstance(value, int) and -(2**63) <= value < 2**63)
    found[name] = value if small and isinstance(value, bool | float | int) else _text(str(value))


def _text(text: str) -> str:
    """The text cut, and without lone surrogates, which no protobuf string holds."""
    cut = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return cut.encode("utf-8", "backslashreplace").decode()


def _model_operation(event: Event) -> str:
    """The operation of a model that the call is, or nothing."""
    for interface, operation in names.MODEL_INTERFACES.items():
        if event.function.startswith((f"{interface}@", f"{interface}.")):
            return operation
    return ""


def _detail(event: Event, key: str, default: str) -> str:
    return str((event.detail or {}).get(key) or default)


def _call_name(event: Event) -> str:
    operation = _model_operation(event)
    if operation:
        return f"{operation} {_detail(event, 'model', event.node)}"
    return f"{names.EXECUTE_TOOL} {_detail(event, 'tool', event.function)}"


def _call_operation(event: Event) -> Attributes:
    operation = _model_operation(event)
    if operation:
        # The model that a component stands for is named by its node, until the component itself names one.
        return {names.OPERATION: operation, names.MODEL: _text(_detail(event, "model", event.node))}
    tool = _text(_detail(event, "tool", event.function))
    return {names.OPERATION: names.EXECUTE_TOOL, names.TOOL: tool, names.TOOL_TYPE: "function"}


def _rest_name(event: Event) -> str:
    return names.FUSED_CALLS if is_fused(event) else names.REST


def _run_operation(event: Event) -> Attributes:
    return {names.OPERATION: names.INVOKE_WORKFLOW, names.WORKFLOW: _text(_detail(event, "pipeline", event.function))}


def _node_operation(event: Event) -> Attributes:
    return {names.OPERATION: names.INVOKE_AGENT, names.AGENT: _text(event.node)}


def _no_operation(event: Event) -> Attributes:
    return {}


_NAMES: dict[str, Callable[[Event], str]] = {
    "run": lambda event: f"{names.INVOKE_WORKFLOW} {_detail(event, 'pipeline', event.function)}".rstrip(),
    "node": lambda event: f"{names.INVOKE_AGENT} {event.node}",
    "call": _call_name,
    "data": lambda event: f"{names.DATA} {event.edge}",
    "access": lambda event: event.function,
    "rest": lambda event: f"{_rest_name(event)} {event.edge or event.function or event.node}".rstrip(),
}
_OPERATIONS: dict[str, Callable[[Event], Attributes]] = {
    "run": _run_operation,
    "node": _node_operation,
    "call": _call_operation,
}


def _moment(event: Event) -> SpanEvent:
    from opentelemetry.sdk.trace import Event as SpanEvent

    decided = names.ALLOWED_EVENT if event.decision == "allowed" else names.DENIED_EVENT
    return SpanEvent(MOMENTS.get(event.kind, decided), attributes(event), event.start)


def _kind(event: Event) -> SpanKind:
    from opentelemetry.trace import SpanKind

    # A provider is somewhere else; a model without one is a component in this process.
    remote = event.kind == "call" and _model_operation(event) and (event.detail or {}).get("provider")
    return SpanKind.CLIENT if remote or event.kind == "access" else SpanKind.INTERNAL


def _status(event: Event) -> Status:
    from opentelemetry.trace import Status, StatusCode

    if event.decision == "allowed":
        return Status(StatusCode.UNSET)
    by = f" by {event.rule}" if event.rule else ""
    return Status(StatusCode.ERROR, _text(_detail(event, "error", event.decision + by)))


def _parent(event: Event) -> SpanContext | None:
    if event.kind != "run":
        return _context(trace_id(event.run), span_id(event.run, event.parent or 1))
    caller = parse_traceparent(_detail(event, "traceparent", ""))
    if caller is None or caller.trace_id != trace_id(event.run):
        return None
    return _context(caller.trace_id, int(caller.span_id, 16), remote=True)


def _context(trace: str, span: int, *, remote: bool = False) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(int(trace, 16), span, remote, TraceFlags(TraceFlags.SAMPLED))


def _version() -> str:
    """The installed distribution's: the package itself stands above this room."""
    from importlib import metadata

    try:
        return metadata.version("wasm-orchestrator")
    except metadata.PackageNotFoundError:
        return "0"
