"""What the pictures of a graph show, that hostile texts stay texts, and that nothing in the SVG overlaps."""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.diagnostics import columns as terminal_columns
from orchestrator.errors import TooLargeToDraw
from orchestrator.graph import PICTURES, Arc, ArcKind, Graph, Picture, Tag, Tint, Vertex, VertexKind, draw
from orchestrator.graph.form import as_json, to_networkx
from orchestrator.graph.layers import MOST_ITEMS, crossings, in_rows, upward
from orchestrator.graph.layout import Box, Direction, lay_out
from orchestrator.graph.measure import cut, width
from orchestrator.graph.order import cycles
from orchestrator.graph.parts import box_size, note_size
from orchestrator.graph.svg import as_svg, describe
from orchestrator.graph.text import as_text

GOLDEN = Path(__file__).parent.parent / "golden" / "graph"
SUFFIXES: dict[Picture, str] = {"text": "txt", "mermaid": "mmd", "dot": "dot", "svg": "svg", "json": "json"}
SVG = "{http://www.w3.org/2000/svg}"


def answer() -> Graph:
    vertices = (
        Vertex("inputs.question", "input", "question", "string"),
        Vertex("files", "node", "files", "", ("components/files", "runs agent:api/files.read-all")),
        Vertex("answerer", "node", "answerer", "", ("components/answerer",)),
        Vertex("model", "node", "model", "", ("components/llm-extractive",)),
        Vertex("polish", "python", "polish", "", ("texts:polish",)),
        Vertex("outputs.answer", "output", "answer", "string"),
    )
    rules = ("functions: complete", "max-calls: 8", "require: size(args.messages) < 50")
    arcs = (
        Arc("inputs.question -> answerer.question", "inputs.question", "answerer", "data", "question", "string"),
        Arc("files -> answerer.documents", "files", "answerer", "data", "documents", "list<document>", each="each"),
        Arc("answerer -> model", "answerer", "model", "call", "agent:llm/chat", "complete", rules),
        Arc("answerer -> files", "answerer", "files", "tool", "read"),
        Arc("files before answerer", "files", "answerer", "implied"),
        Arc(
            "answerer.text -> polish.text", "answerer", "polish", "data", "text → text", "string", condition="value > 1"
        ),
        Arc("polish -> outputs.answer", "polish", "outputs.answer", "data", "", "string"),
    )
    return Graph("docs-answer", vertices, arcs)


def upper() -> Graph:
    vertices = (
        Vertex("inputs.text", "input", "text", "string"),
        Vertex("shout", "node", "shout", "", ("shout.wasm",)),
        Vertex("outputs.text", "output", "text", "string"),
    )
    arcs = (
        Arc("inputs.text -> shout.text", "inputs.text", "shout", "data", "text", "string"),
        Arc("shout -> outputs.text", "shout", "outputs.text", "data", "", "string"),
    )
    return Graph("upper", vertices, arcs)


def fused() -> Graph:
    vertices = (
        Vertex("inputs.question", "input", "question", "string"),
        Vertex("answerer", "node", "answerer", "", ("components/answerer",), "retriever"),
        Vertex("retriever", "node", "retriever", "", ("components/retriever",), "retriever"),
        Vertex("model", "node", "model", "", ("components/llm-extractive",)),
    )
    arcs = (
        Arc("inputs.question -> answerer.question", "inputs.question", "answerer", "data", "question", "string"),
        Arc("a -> r", "answerer", "retriever", "call", "agent:data/retrieval", "search", ("redact: args",), fused=True),
        Arc("answerer -> model", "answerer", "model", "call", "agent:llm/chat", "complete"),
    )
    return Graph("fused", vertices, arcs)


def judged() -> Graph:
    """With a detector of what crosses two arcs."""
    vertices = (
        Vertex("inputs.page", "input", "page", "string"),
        Vertex("answerer", "node", "answerer", "", ("components/answerer",)),
        Vertex("model", "node", "model", "", ("components/llm-extractive",)),
        Vertex("guard", "node", "guard", "", ("components/detector-injection",)),
    )
    rules = ("detect: guard", "on-violation: deny")
    arcs = (
        Arc("inputs.page -> answerer", "inputs.page", "answerer", "data", "page", "string", rules[:1]),
        Arc("detect: inputs.page -> answerer -> guard", "inputs.page", "guard", "detect", "what crosses to answerer"),
        Arc("answerer -> model", "answerer", "model", "call", "agent:llm/chat", "complete", rules),
        Arc("detect: answerer -> model -> guard", "answerer", "guard", "detect", "calls of model"),
    )
    return Graph("judged", vertices, arcs)


def labelled() -> Graph:
    """With labels: one that is declassified, and two that meet where they may not."""
    untrusted, private = Tag("untrusted", "untrusted"), Tag("payroll", "private")
    came = (Tag("untrusted", "untrusted", own=False), Tag("payroll", "private", own=False))
    alarm = "untrusted content and private data meet here, and it can send"
    vertices = (
        Vertex("inputs.page", "input", "page", "string", tags=(untrusted,)),
        Vertex("files", "node", "files", "", ("components/files",), tags=(private,)),
        Vertex("writer", "node", "writer", "", ("components/writer",), tags=came),
        Vertex("poster", "node", "poster", tags=(*came, Tag("outbound", "outbound")), alarm=alarm),
        Vertex(
            "archive", "node", "archive", tags=(Tag("a-label-with-a-name-that-is-too-long-for-a-box", "private"), *came)
        ),
    )
    reason = "Only the number of lines is passed on, which says nothing of what stands in them; agreed with the owner."
    arcs = (
        Arc("inputs.page -> writer", "inputs.page", "writer", "data", "page", "string", alarm=("untrusted",)),
        Arc("files -> writer", "files", "writer", "data", "text", "string", alarm=("payroll",)),
        Arc(
            "writer -> poster",
            "writer",
            "poster",
            "data",
            alarm=("untrusted", "payroll"),
            contract=("max-bytes: 1KiB",),
        ),
        Arc(
            "archive -> writer", "archive", "writer", "call", "count", stops=("payroll",), side="results", reason=reason
        ),
    )
    return Graph("labelled", vertices, arcs)


HOSTILE = '<script>alert("1")</script>]]>&amp;\'\x00\x1b[2J\u202e\ud800\ufffe\uffff\n--> |x| ; %% \\N "]'


def hostile() -> Graph:
    vertices = (
        Vertex(HOSTILE, "node", HOSTILE, HOSTILE, (HOSTILE,) * 9),
        Vertex("b", "input", "", ""),
        Vertex("c", "output", "名前の" * 30, "", tags=(Tag(HOSTILE, "private"),) * 3, alarm=HOSTILE * 3),
    )
    arcs = (
        Arc(HOSTILE, HOSTILE, "b", "data", HOSTILE, HOSTILE, (HOSTILE,) * 9, HOSTILE, HOSTILE),
        Arc("stops", "b", "c", "data", stops=(HOSTILE,), side=HOSTILE, reason=HOSTILE * 3, alarm=(HOSTILE, HOSTILE)),
        Arc("self", "b", "b", "call"),
        Arc("back", "b", HOSTILE, "tool"),
        Arc("again", HOSTILE, "b", "implied"),
    )
    return Graph(HOSTILE, vertices, arcs)


def test_hostile_texts_are_well_formed_xml() -> None:
    said = ElementTree.fromstring(as_svg(hostile())).findtext(f"{SVG}title") or ""
    assert said == (r"""<script>alert("1")</script>]]>&amp;'\x00\x1b[2J\u202e\ud800\ufffe\uffff --> |x| ; %% \N "]""")


def assert_golden(name: str, text: str) -> None:
    path = GOLDEN / name
    if os.environ.get("BLESS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


VERTEX_KIND: st.SearchStrategy[VertexKind] = st.sampled_from(["input", "output", "node", "python"])
ARC_KIND: st.SearchStrategy[ArcKind] = st.sampled_from(["data", "call", "tool", "detect", "implied"])
TINT: st.SearchStrategy[Tint] = st.sampled_from(["untrusted", "private", "outbound"])
TEXT = st.text(max_size=40)
FEW = st.lists(TEXT, max_size=2).map(tuple)
TAGS = st.lists(st.builds(Tag, TEXT, TINT, st.booleans()), max_size=4).map(tuple)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(0, 12))
    group = st.sampled_from(["", "v0", "v1"])
    vertices = [
        Vertex(
            f"v{at}", draw(VERTEX_KIND), draw(TEXT), draw(TEXT), tuple(draw(st.lists(TEXT, max_size=3))), draw(group),
            draw(TAGS), draw(TEXT),
        )
        for at in range(count)
    ]  # fmt: skip
    ends = st.integers(0, max(0, count - 1))
    arcs = [
        Arc(
            f"e{at}", f"v{a}", f"v{b}", draw(ARC_KIND), draw(TEXT), draw(TEXT), tuple(draw(st.lists(TEXT, max_size=2))),
            fused=draw(st.booleans()), stops=draw(FEW), reason=draw(TEXT), alarm=draw(FEW),
        )
        for at, (a, b) in enumerate(draw(st.lists(st.tuples(ends, ends), max_size=25 if count else 0)))
    ]  # fmt: skip
    return Graph(draw(TEXT), tuple(vertices), tuple(arcs))


QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("graph", [answer(), upper(), fused(), judged(), labelled()], ids=lambda graph: str(graph.name))
def test_pictures_are_as_agreed(graph: Graph, picture: Picture) -> None:
    assert_golden(f"{graph.name}.{SUFFIXES[picture]}", draw(graph, picture))


def test_a_terminal_without_box_drawing_gets_ascii() -> None:
    assert_golden("docs-answer.ascii.txt", draw(answer(), "text", width=60, ascii_only=True))


def test_a_picture_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        draw(upper(), "png")  # type: ignore[arg-type]
    assert str(caught.value) == "no picture is called 'png'; there are text, mermaid, dot, svg, json"


@pytest.mark.parametrize("picture", PICTURES)
def test_hostile_texts_stay_texts(picture: Picture) -> None:
    text = draw(hostile(), picture)
    text.encode("utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text)


@pytest.mark.parametrize("picture", PICTURES)
def test_an_empty_graph_has_a_picture(picture: Picture) -> None:
    assert draw(Graph("", ()), picture).endswith("\n")


@QUICK
@given(graphs())
def test_svg_is_well_formed_and_holds_no_element_of_another_making(graph: Graph) -> None:
    root = ElementTree.fromstring(as_svg(graph))
    known = {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g"}
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= known
    assert len(root.findall(f".//{SVG}g[@class]")) >= len(graph.vertices)
    assert len([path for path in root.iter(f"{SVG}path") if "marker-end" in path.attrib]) >= len(graph.arcs)


def test_svg_says_what_it_shows() -> None:
    root = ElementTree.fromstring(as_svg(answer()))
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "docs-answer"
    said = root.findtext(f"{SVG}desc") or ""
    assert said == describe(answer())
    assert said.startswith("4 nodes, 1 input, 1 output, 7 edges. inputs.question flows to answerer. ")
    assert "answerer may call as a tool files. files runs before answerer." in said


def overlap(a: Box, b: Box) -> bool:
    apart_x = abs(a.x - b.x) - (a.width + b.width) / 2
    apart_y = abs(a.y - b.y) - (a.height + b.height) / 2
    return apart_x < -1e-6 and apart_y < -1e-6


def inside(point: tuple[float, float], box: Box) -> bool:
    return abs(point[0] - box.x) < box.width / 2 - 1e-6 and abs(point[1] - box.y) < box.height / 2 - 1e-6


@pytest.mark.parametrize("direction", ["down", "right"])
@QUICK
@given(graph=graphs())
def test_no_box_or_note_overlaps_another_and_no_arc_runs_under_a_box(graph: Graph, direction: Direction) -> None:
    sizes = {vertex.id: box_size(vertex) for vertex in graph.vertices}
    notes = {arc.id: size for arc in graph.arcs if (size := note_size(arc))}
    layout = lay_out(graph, sizes, notes, direction)
    everything = [*layout.boxes.values(), *layout.notes.values()]
    assert not any(itertools.starmap(overlap, itertools.combinations(everything, 2)))
    assert all(box.left >= -1e-6 and box.top >= -1e-6 for box in everything)
    assert all(box.left + box.width <= layout.width + 1e-6 for box in everything)
    for way in layout.ways.values():
        for (x, y), (to_x, to_y) in itertools.pairwise(way):
            along = [(x + (to_x - x) * step / 9, y + (to_y - y) * step / 9) for step in range(10)]
            assert not any(inside(point, box) for point in along for box in layout.boxes.values())


@QUICK
@given(graphs())
def test_the_same_graph_gives_the_same_bytes(graph: Graph) -> None:
    for picture in PICTURES:
        assert draw(graph, picture) == draw(graph, picture)


@QUICK
@given(graphs(), st.integers(0, 120), st.booleans())
def test_no_line_of_text_is_wider_than_asked(graph: Graph, wide: int, ascii_only: bool) -> None:
    text = as_text(graph, wide, ascii_only=ascii_only)
    assert all(terminal_columns(line) <= max(24, wide) for line in text.splitlines())
    assert not ascii_only or text.isascii()


@QUICK
@given(graphs())
def test_dot_and_mermaid_quote_every_text(graph: Graph) -> None:
    dot = draw(graph, "dot")
    assert '"' not in re.sub(r'"(\\.|[^"\\\n])*"', "", dot)
    for line in draw(graph, "mermaid").splitlines()[2:]:
        assert line.count('"') in (0, 2)
        assert not set("<>&`") & set(re.sub("<br/>|-->|==>|-.->", "", line))


@QUICK
@given(graphs())
def test_turning_some_arcs_leaves_no_cycle_and_spares_the_strong(graph: Graph) -> None:
    pairs = [pair for pair in graph.pairs() if pair[0] != pair[1]]
    strong = [arc.kind in ("data", "implied") for arc in graph.arcs if arc.source != arc.target]
    flipped = upward(pairs, strong)
    assert not cycles([(b, a) if at in flipped else (a, b) for at, (a, b) in enumerate(pairs)])
    if not cycles([pair for pair, firm in zip(pairs, strong, strict=True) if firm]):
        assert not any(strong[at] for at in flipped)


def test_crossings_that_need_not_be_are_gone() -> None:
    names = [f"{side}{at}" for side in "ab" for at in range(6)]
    pairs = [(f"a{at}", f"b{5 - at}") for at in range(6)] + [(f"a{at}", f"b{(6 - at) % 6}") for at in range(1, 6)]
    rows = in_rows(names, [(50.0, 20.0)] * 12, pairs, [(0.0, 0.0)] * len(pairs), [True] * len(pairs))
    assert crossings(rows) == 0


def test_a_graph_too_large_for_a_picture_is_refused_before_it_is_laid_out() -> None:
    names = [f"n{at}" for at in range(200)]
    arcs = [Arc(f"{a} {b}", a, b, "data") for a, b in itertools.pairwise(names)]
    arcs += [Arc(f"far {at}", "n0", "n199", "data") for at in range(20)]
    graph = Graph("long", tuple(Vertex(name, "node", name) for name in names), tuple(arcs))
    assert MOST_ITEMS < 20 * 397
    with pytest.raises(TooLargeToDraw) as caught:
        as_svg(graph)
    assert str(caught.value) == (
        "the graph is too large for a picture: 200 boxes and 219 edges; "
        "write it as dot or json and draw it with a tool for large graphs"
    )


def test_a_fused_call_is_said_to_be_one() -> None:
    assert describe(fused()).endswith("answerer calls retriever, fused. answerer calls model.")
    made = to_networkx(fused())
    assert made.edges["answerer", "retriever", "a -> r"]["fused"] is True
    assert {name: group for name, group in made.nodes(data="group") if group} == {
        "answerer": "retriever",
        "retriever": "retriever",
    }


def test_json_and_networkx_hold_every_field() -> None:
    graph = answer()
    form = as_json(graph)
    assert json.loads(json.dumps(form)) == form
    made = to_networkx(graph)
    assert made.name == "docs-answer"
    assert list(made.nodes) == [vertex.id for vertex in graph.vertices]
    assert sorted(key for _, _, key in made.edges(keys=True)) == sorted(arc.id for arc in graph.arcs)
    call = made.edges["answerer", "model", "answerer -> model"]
    assert call["contract"] == ["functions: complete", "max-calls: 8", "require: size(args.messages) < 50"]
    assert {**call, "id": "answerer -> model", "source": "answerer", "target": "model"} == form["arcs"][2]


@given(st.text(max_size=60), st.floats(20, 300), st.booleans())
def test_a_text_that_is_cut_fits(text: str, most: float, mono: bool) -> None:
    short = cut(text, most, 11, mono=mono)
    assert width(short, 11, mono=mono) <= most + 1e-6
    assert short == text or short.endswith("…")


@pytest.mark.parametrize(
    ("vertices", "arcs", "message"),
    [
        (("a", "a"), (), "two vertices of the graph have the same id"),
        (("a", "b"), (("e", "a", "b"), ("e", "b", "a")), "two arcs of the graph have the same id"),
        (("a",), (("e", "a", "b"),), "arc 'e' ends at 'b', which is no vertex of the graph"),
    ],
)
def test_a_graph_that_contradicts_itself_is_refused(
    vertices: tuple[str, ...], arcs: tuple[tuple[str, str, str], ...], message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        Graph("g", tuple(Vertex(name, "node", name) for name in vertices), tuple(Arc(*arc, "data") for arc in arcs))
    assert str(caught.value) == message


def test_labels_and_what_is_refused_are_said_to_those_who_hear_the_picture() -> None:
    assert describe(labelled()) == (
        "4 nodes, 1 input, 4 edges. inputs.page flows to writer, carries untrusted. files flows to writer, carries "
        "payroll. writer flows to poster, carries untrusted, payroll. archive calls writer, declassifies payroll of "
        "its results. poster: untrusted content and private data meet here, and it can send."
    )


def test_pairs_of_some_kinds() -> None:
    graph = answer()
    assert graph.pairs("tool", "implied") == (("answerer", "files"), ("files", "answerer"))
    assert len(graph.pairs()) == len(graph.arcs)
