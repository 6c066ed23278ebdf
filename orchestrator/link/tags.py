"""What a picture says of labels: which stand on a vertex, which do not cross an arc, and where they may not meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.graph import Tag
from orchestrator.graph.flow import Held, spread
from orchestrator.link.flow import Spread, meetings, of_node
from orchestrator.link.labels import edge_id
from orchestrator.link.model import Flow
from orchestrator.manifest.model import OUTBOUND, PRIVATE, UNTRUSTED

ALARM = "untrusted content and private data meet here, and it can send"


@dataclass(frozen=True, slots=True)
class Tags:
    """The labels of a picture.

    Arguments:
        alarms: the nodes in which what may not meet does.
        carried: by what `edge_id` calls an edge, the labels that cross it on their way there.
    """

    flow: Flow
    held: Spread
    nodes: Mapping[str, tuple[Held, ...]]
    alarms: frozenset[str]
    carried: Mapping[str, tuple[str, ...]]

    def of(self, vertex: str) -> tuple[Tag, ...]:
        """The labels on a node, an input or an output: content from outside, private data, a way out."""
        own: dict[str, bool] = {}
        for held in self.nodes.get(vertex, self.held.get(vertex, ())):
            own[held.label] = own.get(held.label, False) or held.over is None
        found: list[Tag] = []
        for sort in (UNTRUSTED, PRIVATE):
            found += [Tag(label, sort, own[label]) for label in own if self.flow.sorts[label] == sort]
        return (*found, *((Tag(OUTBOUND, "outbound"),) if vertex in self.flow.senders else ()))

    def alarm(self, vertex: str) -> str:
        """Why the pipeline is refused for a node; empty where it is not."""
        return ALARM if vertex in self.alarms else ""

    def over(self, edge: int) -> tuple[str, ...]:
        """The labels that cross the edge of that number on their way to where they may not meet."""
        return self.carried.get(edge_id(edge), ())


def tags_of(flow: Flow) -> Tags:
    """What a picture of a pipeline with that flow says of labels."""
    held = spread(flow.seeds, flow.passages)
    found = meetings(flow, held)
    carried: dict[str, dict[str, None]] = {}
    for meeting in found:
        for one in meeting.all:
            for passage in one.way:
                carried.setdefault(passage.id, {})[one.label] = None
    return Tags(
        flow,
        held,
        of_node(flow, held),
        frozenset(meeting.node for meeting in found),
        {id_: tuple(labels) for id_, labels in carried.items()},
    )
