"""What happens while pipelines run: events, the recorder that takes them, and exporters that make something of them."""

from orchestrator.audit.console import Console, tree
from orchestrator.audit.environment import exporters_from_environment
from orchestrator.audit.events import Decision, Event, Kind, Recorded
from orchestrator.audit.exporter import Exporter
from orchestrator.audit.ids import new_run, new_trace_id, parse_traceparent, trace_id, traceparent
from orchestrator.audit.jsonl import JsonLines
from orchestrator.audit.live import Subscription
from orchestrator.audit.recorder import Recorder
from orchestrator.audit.thin import Thinned

__all__ = [
    "Console",
    "Decision",
    "Event",
    "Exporter",
    "JsonLines",
    "Kind",
    "Recorded",
    "Recorder",
    "Subscription",
    "Thinned",
    "exporters_from_environment",
    "new_run",
    "new_trace_id",
    "parse_traceparent",
    "trace_id",
    "traceparent",
    "tree",
]
