"""`claims`: a component is granted no more than it asks for, whatever the pipeline grants and the binary imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from wasmtime import wat2wasm

from orchestrator import Engine, InvalidPipeline, Pipeline
from orchestrator.capability import Authority, prepare
from orchestrator.manifest.model import Claims, Grants, Http, Storage
from tests.support.ceilings import ceiling, claims, held, node_of, refusal
from tests.support.greedy_guests import CLOCK_LOOP, GO
from tests.support.link_worlds import linking, reading

ALL = (
    "{storage: write, http: ['https://api.example.com/v1/**'], secrets: [API_KEY], environment: [LANG, LC_*],"
    " clock: wall, random: secure, stdio: captured}"
)


@pytest.mark.parametrize(
    "grants",
    [
        "storage: [{path: anywhere, at: /d, access: write}]",
        "http: [{url: 'https://api.example.com/v1/**', methods: [DELETE, PURGE]}]",
        "http: [{url: 'https://api.example.com/v1/x'}], secrets: [{name: API_KEY, to: 'https://api.example.com',"
        " header: 'X: {}'}]",
        "environment: {LANG: C, LC_ALL: C}",
        "clock: wall",
        "random: secure",
    ],
)
def test_what_a_component_claims_is_granted_as_it_is_asked(tmp_path: Path, grants: str) -> None:
    node = node_of(held(tmp_path, f"grants: {{{grants}}}", claimed=claims(tmp_path, ALL)))
    assert node.cuts == ()


@pytest.mark.parametrize(
    ("grants", "said", "left"),
    [
        ("storage: [{path: d, at: /d}]", "storage: read `d`", Grants(optional=True)),
        ("http: [{url: 'https://a.example/**'}]", "http: GET, HEAD `https://a.example/**`", Grants(optional=True)),
        ("environment: {LANG: C}", "environment: `LANG`", Grants(optional=True)),
        ("clock: wall", "clock: `wall`", Grants(optional=True)),
        ("clock: fixed", "clock: `fixed`", Grants(optional=True)),
        ("random: secure", "random: `secure`", Grants(optional=True)),
        ("random: seeded", "random: `seeded`", Grants(optional=True)),
        ("stdio: inherit", "stdio: `inherit`", Grants(optional=True)),
    ],
)
def test_a_component_that_claims_nothing_is_granted_nothing(
    tmp_path: Path, grants: str, said: str, left: Grants
) -> None:
    power, _, asked = said.partition(": ")
    nothing = claims(tmp_path, "{}")
    message = f"`a` is granted more `{power}` than the manifest of `step-all` claims: {asked}\n"
    assert refusal(held(tmp_path, f"grants: {{{grants}}}", claimed=nothing)).startswith(f"error[claim]: {message}")
    assert node_of(held(tmp_path, f"grants: {{{grants}, optional: true}}", claimed=nothing)).grants == left


def test_a_refusal_shows_both_places(tmp_path: Path) -> None:
    found = held(tmp_path, "grants: {clock: wall}", claimed=claims(tmp_path, "{clock: monotonic}"))
    assert refusal(found) == (
        "error[claim]: `a` is granted more `clock` than the manifest of `step-all` claims: `wall`\n"
        " --> p.yaml:4:91\n"
        "  |\n"
        "4 |   a: {component: step-all, run: test:worlds/steps.sure, args: {text: hi}, grants: {clock: wall}}\n"
        "  |                                                                                           ^^^^\n"
        f"  = the manifest of `step-all` claims `monotonic` ({tmp_path}/component.yaml:5:17)\n"
        "  = help: ask for less, or have the component claim it in its `component.yaml`"
    )


def test_a_component_that_says_nothing_of_it_is_granted_what_is_asked(tmp_path: Path) -> None:
    assert node_of(held(tmp_path, "grants: {clock: wall, random: secure}")).grants.clock == "wall"


def test_what_is_read_is_not_written(tmp_path: Path) -> None:
    reads = claims(tmp_path, "{storage: read}")
    asked = "grants: {storage: [{path: d, at: /d, access: write, files: 5, optional: true}]}"
    node = node_of(held(tmp_path, asked, claimed=reads))
    assert node.grants.storage == (Storage("d", "/d", optional=True),)
    (tmp_path / "d").mkdir()
    made = prepare(node.grants, {}, tmp_path, "a", bounds=node.bounds)
    assert [(preopen.guest, preopen.writable) for preopen in made.preopens] == [("/d", False)]


def test_claims_and_ceiling_hold_together(tmp_path: Path) -> None:
    claimed = claims(tmp_path, "{http: ['https://*.example.com/**'], clock: monotonic}")
    limit = ceiling(
        tmp_path, "grants: {http: [{url: 'https://api.example.com/**', methods: [GET]}], clock: fixed, random: secure}"
    )
    asked = "grants: {http: [{url: 'https://*.example.com/v1/**', methods: [GET, POST]}], clock: wall, optional: true}"
    node = node_of(held(tmp_path, asked, limit, claimed=claimed))
    assert node.grants == Grants(http=(Http("https://api.example.com/v1/**", ("GET",)),), optional=True)
    assert [(cut.key, cut.left, cut.bound.party) for cut in node.cuts] == [
        ("http", "GET `https://api.example.com/v1/**`", "ceiling"),
        ("clock", "`monotonic`", "manifest"),
        ("clock", "`none`", "ceiling"),
    ]


def test_a_component_that_imports_more_than_it_claims_has_nothing_there(tmp_path: Path) -> None:
    node = node_of(held(tmp_path, "", claimed=claims(tmp_path, "{}")))
    assert prepare(node.grants, {}, tmp_path, "a", bounds=node.bounds) == Authority()


def test_fused_nodes_have_what_all_of_their_components_claim() -> None:
    text = """
pipeline: p
nodes:
  a: {component: caller, run: test:worlds/steps.sure, args: {text: hi}, grants: {clock: wall, optional: true}}
  b: {component: ping-only, grants: {clock: wall, optional: true}}
edges: [{call: a -> b, fuse: true}]
"""
    found = linking(reading(text).result(), claims={"b": Claims(clock="monotonic")})
    assert found.graph is not None
    assert {node.grants.clock for node in found.graph.nodes.values()} == {"monotonic"}


def test_a_claim_that_cannot_be_understood_is_refused(tmp_path: Path) -> None:
    assert refusal(held(tmp_path, "", claimed=claims(tmp_path, "{http: ['https://a.example']}"))) == (
        "error[claim]: `step-all` claims an address that is none: it has no path: write `https://a.example/**` for"
        f" every one\n --> {tmp_path}/component.yaml:5:16\n"
        "  |\n"
        "5 | claims: {http: ['https://a.example']}\n"
        "  |                ^^^^^^^^^^^^^^^^^^^^^"
    )


@pytest.mark.parametrize("suffix", ["wasm", "wat"])
def test_a_component_that_is_one_file_claims_by_the_manifest_beside_it(
    engine: Engine, tmp_path: Path, suffix: str
) -> None:
    file, beside = tmp_path / f"clock.{suffix}", tmp_path / "clock.component.yaml"
    file.write_bytes(bytes(wat2wasm(CLOCK_LOOP)) if suffix == "wasm" else CLOCK_LOOP.encode())
    pipeline = Pipeline("p").node("it", str(file), run=GO, args={"n": 1}, grants=Grants(clock="wall"))
    pipeline.link(engine).close()
    beside.write_text("name: clock\nversion: 1.0.0\nlanguage: python\nworld: demo:guest/guest\nclaims: {}\n")
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    (problem,) = caught.value.diagnostics
    assert problem.message == "`it` is granted more `clock` than the manifest of `clock` claims: `wall`"
    beside.write_text("claims: {}\n")
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    assert "lacks `name`" in str(caught.value)
    beside.unlink()
    beside.symlink_to("nothing")
    with pytest.raises(InvalidPipeline):
        pipeline.link(engine)
