"""Pipelines built in Python have no text: each diagnostic says its place in words; what only they can get wrong."""

from __future__ import annotations

import re

from orchestrator.interface.types import STRING
from orchestrator.link.codes import CODES
from orchestrator.manifest.model import (
    CallEdge,
    Contract,
    DataEdge,
    Input,
    Limits,
    Manifest,
    Node,
    Output,
    Port,
    Ref,
    RunLimits,
)
from tests.support.goldens import cases
from tests.support.link_worlds import linking, shown

RUN = "test:worlds/steps.sure"


def test_places_are_said_in_words() -> None:
    manifest = Manifest(
        "built",
        inputs=(Input("text", STRING), Input("text", STRING)),
        outputs=(Output("out", Ref("result", "b")), Output("out", Ref("result", "a"))),
        nodes=(
            Node("a", "step", run=RUN, args={"text": 3}),
            Node("a", "step"),
            Node("c"),
            Node("d", "caller", run=RUN, args={"text": "x"}, limits=Limits(memory=0, timeout=0.0)),
            Node("e", "shop"),
        ),
        edges=(
            DataEdge(Ref("input", "text"), "a", "text", contract=Contract(require=("value.x",))),
            CallEdge(Port("d"), Port("e")),
            CallEdge(Port("d", "test:worlds/ping"), Port("e"), interface="test:worlds/ping"),
        ),
        limits=RunLimits(timeout=0.0, calls=-1),
    )
    places = re.findall(r"^\w+\[([a-z-]+)\].*\n --> (.*)$", shown(linking(manifest)), re.MULTILINE)
    assert places == [
        ("duplicate-name", "node `a`"),
        ("no-component", "node `c`"),
        ("duplicate-name", "input `text`"),
        ("no-interface", "edge `d -> e`"),
        ("conflicting-keys", "edge `d.test:worlds/ping -> e`"),
        ("expression", "edge `inputs.text -> a.text`"),
        ("doubled-parameter", "edge `inputs.text -> a.text`"),
        ("argument", "node `a`"),
        ("limit", "node `d`"),
        ("limit", "node `d`"),
        ("limit", "pipeline `built`"),
        ("limit", "pipeline `built`"),
        ("unreachable", "node `c`"),
        ("unknown-node", "output `out`"),
        ("duplicate-name", "output `out`"),
    ]


def test_a_label_becomes_a_cause_where_there_is_no_excerpt() -> None:
    manifest = Manifest(
        "built",
        nodes=(Node("a", "buyer", run=RUN, args={"text": "x"}), Node("b", "shop-wrong")),
        edges=(CallEdge(Port("a"), Port("b")),),
    )
    assert shown(linking(manifest)) == (
        "error[edge-type]: `b` does not answer what `a` asks of test:shop/goods@1.0.0\n"
        " --> edge `a -> b`\n"
        " = function `find`\n"
        " = result: `a` and `b` mean different types by result<good, string>\n"
        " = ok: `a` and `b` mean different types by good\n"
        " = field `price` of record `good`: `a` has u32, `b` has string\n"
        " = help: the two were built against different versions of test:shop; rebuild `b`\n\n"
    )


def test_python_values_may_stand_for_constants() -> None:
    manifest = Manifest("built", nodes=(Node("a", "step", run="test:worlds/steps.read", args={"bytes": b"hi"}),))
    found = linking(manifest)
    assert found.graph is not None
    assert found.graph.nodes["a"].bindings[0].constant == b"hi"


def test_every_code_is_explained_and_shown() -> None:
    texts = [path.with_suffix(".txt").read_text(encoding="utf-8") for path in cases("invalid/link")]
    shown_codes = {code for text in texts for code in re.findall(r"^\w+\[([a-z-]+)\]", text, re.MULTILINE)}
    elsewhere = {
        "ceiling",
        "claim",
        "duplicate-name",
        "no-component",
        "python-not-allowed",
        "too-many-errors",
    }
    assert shown_codes == CODES.keys() - elsewhere
