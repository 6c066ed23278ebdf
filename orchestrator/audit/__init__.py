"""What happens while pipelines run: events, the recorder that takes them, and exporters that make something of them."""

from orchestrator.audit.events import Decision, Event, Kind
from orchestrator.audit.exporter import Exporter
from orchestrator.audit.live import Subscription
from orchestrator.audit.recorder import Recorder

__all__ = ["Decision", "Event", "Exporter", "Kind", "Recorder", "Subscription"]
