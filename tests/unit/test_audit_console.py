"""The tree of a run as text."""

from __future__ import annotations

from orchestrator.audit import Console, Event, Recorder, Thinned, tree
from tests.support.audit_events import RUN, a_run, call, event, stay

OTHER = "1" * 32


def test_the_tree_of_a_run() -> None:
    assert tree(a_run()) == TREE.strip("\n").split("\n")


TREE = r"""
docs-answer ok trace 0af7651916cd43dd8448eb211c80319c                 25 ms
├─ files -> answerer.documents 2.05 kB
└─ answerer                                                           20 ms
   ├─ retriever agent:data/retrieval@0.1.0.search 120 B -> 4 kB       10 ms
   │  └─ model agent:llm/chat@0.1.0.chat 3 MB denied by max-bytes      2 ms
   │     └─ ! violation of max-bytes: 3 MB is over 1 MB
   └─ stderr: loading
      stderr: \x1b[31mred\x1b[0m
"""


def test_the_order_of_events_does_not_matter() -> None:
    assert tree(reversed(a_run())) == tree(a_run())


def test_crossings_of_one_edge_are_one_line() -> None:
    calls = [call(span, 3, at=span, request=1000, response=2_500_000) for span in range(4, 10)]
    lines = tree([*calls, event("node", 3, 1, node="answerer"), event("run", 1, 0)])
    assert [" ".join(text.split()) for text in lines[1:]] == [
        "└─ answerer 1 ms",
        "└─ model agent:llm/chat@0.1.0.chat ×6 6 kB -> 15 MB 6 ms",
    ]


def test_what_was_left_out_is_counted_where_it_happened() -> None:
    shown: list[str] = []
    with Recorder([Thinned(Console(shown.append), first=3, last=2)]) as recorder:
        for number in range(1000):
            recorder.record(call(5 + 2 * number, 4 + 2 * number, at=number, node="tool", edge="model -> tool"))
            recorder.record(call(4 + 2 * number, 3, at=number))
        recorder.record(event("node", 3, 1, node="answerer"))
        recorder.record(event("run", 1, 0))
    lines = [" ".join(text.split()) for text in "".join(shown).splitlines()]
    assert lines[2:] == ["└─ model agent:llm/chat@0.1.0.chat ×1000 1 s", "└─ tool agent:llm/chat@0.1.0.chat ×1000 1 s"]


def test_fused_calls_are_counted_without_a_time() -> None:
    events = [
        call(5, 3, 1, 2, request=10, response=20),
        stay(4, 3, 0, 20),
        stay(6, 3, 0, 20, 1, function="agent:data/retrieval@0.1.0.index"),
        event("node", 3, 1, 0, 20, node="answerer"),
        event("run", 1, 0, 0, 25, detail={"pipeline": "p"}),
    ]
    assert tree(events) == [
        f"p ok trace {RUN}            25 ms",
        "└─ answerer                                            20 ms",
        "   ├─ ~ retriever agent:data/retrieval@0.1.0.search 12 calls, fused",
        "   ├─ ~ retriever agent:data/retrieval@0.1.0.index 1 call, fused",
        "   └─ model agent:llm/chat@0.1.0.chat 10 B -> 20 B      2 ms",
    ]


def test_fused_calls_of_many_stays_are_one_line_where_they_happened() -> None:
    shown: list[str] = []
    with Recorder([Thinned(Console(shown.append), first=3, last=2)]) as recorder:
        for number in range(1000):
            recorder.record(stay(5 + 2 * number, 4 + 2 * number, at=number, count=7))
            recorder.record(call(4 + 2 * number, 3, at=number))
        recorder.record(event("node", 3, 1, node="answerer"))
        recorder.record(event("run", 1, 0))
    lines = [" ".join(text.split()) for text in "".join(shown).splitlines()]
    assert lines[2:] == [
        "└─ model agent:llm/chat@0.1.0.chat ×1000 1 s",
        "└─ ~ retriever agent:data/retrieval@0.1.0.search 7000 calls, fused",
    ]


def test_hostile_names_and_output_are_escaped() -> None:
    bad = "x\n\x1b[2J\u202e\x00\ud800"
    detail = {"stream": bad, "text": bad, "message": bad, "error": bad, "pipeline": bad}
    events = [
        Event(kind, 0, 0, RUN, span, 1, bad, bad, bad, 1, 1, "failed", bad, detail)
        for span, kind in enumerate(["node", "call", "data", "violation", "limit", "output"], 2)
    ]
    lines = tree([*events, Event("run", 0, 0, RUN, 1, 0, rule=bad, decision="failed", detail=detail)])
    assert len(lines) == 8
    assert all(text.isprintable() for text in lines)


def test_output_is_cut_to_some_lines_and_columns() -> None:
    text = "\n".join("y" * 1000 for _ in range(50))
    lines = tree([event("output", 2, 1, detail={"stream": "stdout", "text": text}), event("run", 1, 0)])
    assert lines[-1] == "   … 40 more lines"
    assert lines[1] == "└─ stdout: " + "y" * 159 + "…"
    assert len(lines) == 12


def test_a_run_that_failed_says_why() -> None:
    failed = event("run", 1, 0, decision="failed", detail={"pipeline": "p", "error": "node `a` trapped"})
    assert tree([failed]) == [f"p failed: node `a` trapped trace {RUN}      1 ms"]


def test_a_run_without_its_end_is_shown_as_far_as_it_went() -> None:
    assert tree([call(9, 8)])[0] == f"run not ended trace {RUN}"
    shown: list[str] = []
    with Recorder([Console(shown.append)]) as recorder:
        recorder.record(call(9, 8))
    assert "not ended" in shown[0]


def test_parents_in_a_circle_end() -> None:
    assert len(tree([call(2, 3), call(3, 2, edge="b"), call(4, 4, edge="c"), event("run", 1, 0)])) == 4


def test_two_runs_are_two_trees() -> None:
    mixed = [item for pair in zip(a_run(), a_run(OTHER), strict=True) for item in pair]
    assert tree(mixed) == [*tree(a_run()), *tree(a_run(OTHER))]


def test_every_part_is_painted_in_its_role() -> None:
    roles: set[str] = set()

    def paint(role: str, text: str) -> str:
        roles.add(role)
        return f"<{text}>"

    assert tree(a_run(), paint)[0].startswith("<docs-answer> <ok>")
    assert roles == {"run", "node", "call", "data", "output", "error", "size", "time", "gutter"}


def test_the_units_of_time_and_size() -> None:
    sizes = (999, 1000, 12_345_678, 5_000_000_000)
    lasts = (999, 1_500, 2_000_000, 61_000_000_000)
    events = [
        Event("call", i, t, RUN, i + 2, 1, node=f"n{i}", function="f", request=s)
        for i, (s, t) in enumerate(zip(sizes, lasts, strict=True))
    ]
    ends = [" ".join(text.split()[3:]) for text in tree(events)[1:]]
    assert ends == ["999 B 999 ns", "1 kB 1.5 us", "12.3 MB 2 ms", "5 GB 61 s"]
