"""The Python API told wrong: each mistake is refused where it is made, in words that say what is expected."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import (
    Ceiling,
    ClosedError,
    Contract,
    Each,
    Engine,
    Grants,
    Http,
    InvalidPipeline,
    Limits,
    Pipeline,
    Repeat,
    Retry,
    Secret,
    Storage,
)
from orchestrator.engine import Component
from tests.support.parts import NUM, NUMBERS

Build = Callable[[Any], Any]
WORD: Any = "5s"
NUMBER: Any = 5


def empty() -> Any:
    """A pipeline to be told wrong: of no type, so that a type checker lets it."""
    return Pipeline("p")


def folder(**changes: Any) -> Grants:
    """A folder that is granted."""
    return Grants((Storage(**{"path": "data", "at": "/data", **changes}),))


def http(**changes: Any) -> Grants:
    """An address that is granted."""
    return Grants(http=(Http("https://example.com/**", **changes),))


def echo() -> Pipeline:
    return Pipeline("echo").input("n", "u32").output("n", "inputs.n")


# Names


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (lambda name: Pipeline(name), "a pipeline"),
        (lambda name: empty().node(name, "x.wasm"), "a node"),
        (lambda name: empty().input(name), "an input"),
        (lambda name: empty().output(name, "inputs.n"), "an output"),
    ],
)
def test_a_name_is_in_kebab_case(build: Build, what: str) -> None:
    for name, near in (("Bad Name", "bad-name"), ("a_b", "a-b"), ("", ""), ("\x1b\n", ""), ("-", "")):
        with pytest.raises(InvalidPipeline) as caught:
            build(name)
        (found,) = caught.value.diagnostics
        help_ = (f"did you mean `{near}`?",) if near else ()
        fault = "a name has lower-case letters, digits and single dashes, and begins with a letter"
        assert (found.code, found.place, found.help) == ("name", what, (*help_, fault))
        assert found.message.endswith(f"` cannot name {what}")
        assert "\x1b" not in found.message
    with pytest.raises(TypeError, match=rf"^the name of {what} is a text, not of type int$"):
        build(3)


def test_no_node_is_called_inputs() -> None:
    with pytest.raises(InvalidPipeline, match="the name `inputs` is taken"):
        empty().node("inputs", "x.wasm")


# Types


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda p: p.node("x", 3), "a component is a path or a Component; a function goes to `python=` (this is of type"
                                   " int)"),
        (lambda p: p.node("x", None), "a component is a path or a Component; a function goes to `python=` (this is "
                                      "None)"),
        (lambda p: p.node("x", lambda n: n), "a component is a path or a Component; a function goes to `python=` (this "
                                             "is of type function)"),
        (lambda p: p.node("x", python=3), "`python` is a function or `module:function`, not of type int"),
        (lambda p: p.node("x", python=len, signature=3), "`signature` is a text, not of type int"),
        (lambda p: p.node("x", "x.wasm", run=3), "`run` is a text, not of type int"),
        (lambda p: p.node("x", "x.wasm", args=[1]), "`args` is a mapping, not of type list"),
        (lambda p: p.node("x", "x.wasm", grants={"stdio": "none"}), "`grants` is a Grants, not of type dict"),
        (lambda p: p.node("x", "x.wasm", limits=5), "`limits` is a Limits, not of type int"),
        (lambda p: p.node("x", "x.wasm", repeat="value"), "`repeat` is a Repeat, not of type str"),
        (lambda p: p.node("x", "x.wasm", limits=Limits(timeout=WORD)), "the timeout of a node is a number of seconds, "
                                                                       "not of type str"),
        (lambda p: p.node("x", "x.wasm").replace("x", limits=5), "`limits` is a Limits, not of type int"),
        (lambda p: p.node("x", "x.wasm").replace("x", component=5), "a component is a path or a Component; a function "
                                                                    "goes to `python=` (this is of type int)"),
        (lambda p: p.data(3, "b"), "the source of a data edge is a text, not of type int"),
        (lambda p: p.data("a", None), "the target of a data edge is a text, not None"),
        (lambda p: p.data("a", "b", when=True), "`when` is a text, not of type bool"),
        (lambda p: p.data("a", "b", each="4"), "`each` is a whole number, not of type str"),
        (lambda p: p.data("a", "b", contract={}), "`contract` is a Contract, not of type dict"),
        (lambda p: p.call(3, "b"), "the caller of a call edge is a text, not of type int"),
        (lambda p: p.call("a", 3), "the callee of a call edge is a text, not of type int"),
        (lambda p: p.call("a", "b", interface=3), "`interface` is a text, not of type int"),
        (lambda p: p.call("a", "b", contract=3), "`contract` is a Contract, not of type int"),
        (lambda p: p.tool(3, "b.f"), "the caller of a tool edge is a text, not of type int"),
        (lambda p: p.tool("a", 3), "the function of a tool edge is a text, not of type int"),
        (lambda p: p.input("n", 3), "the type of an input is a text of WIT, not of type int"),
        (lambda p: p.output("o", 3), "the source of an output is a text, not of type int"),
        (lambda p: p.limit(timeout="5s"), "the timeout of a pipeline is a number of seconds, not of type str"),
        (lambda p: p.limit(calls=2.5), "`calls` is a whole number, not of type float"),
        (lambda p: p.disconnect(3), "an edge is a text, not of type int"),
        (lambda p: p.link("engine"), "`engine` is an Engine, not of type str"),
        (lambda p: p.link(recorder=3), "`recorder` is a Recorder, not of type int"),
        (lambda p: p.link(secrets=3), "`secrets` is a mapping, not of type int"),
        (lambda p: p.link(secrets={3: "x"}), "the name of a secret is a text, not of type int"),
        (lambda p: p.link(secrets={"KEY": b"hunter2"}), "the secret `KEY` is a text, not of type bytes"),
        (lambda p: p.link(addresses="127.0.0.0/8"), "`addresses` is a row of ranges, not of type str"),
        (lambda p: p.link(addresses=[3]), "a range of addresses is a text, not of type int"),
        (lambda p: p.link(ceiling=3), "a ceiling is a path or a Ceiling, not of type int"),
        (lambda p: p.link(ceiling=[None]), "a ceiling is a path or a Ceiling, not None"),
        (lambda p: p.link(ceiling=Ceiling(NUMBER)), "the name of a ceiling is a text, not of type int"),
        (lambda p: p.link(ceiling=Ceiling("c", NUMBER)), "`grants` of a ceiling is an Allowed, not of type int"),
        (lambda p: p.link(ceiling=Ceiling("c", limits=NUMBER)), "`limits` of a ceiling is a Limits, not of type int"),
        (lambda p: p.node("x", "x.wasm", repeat=Repeat(NUMBER)), "`until` of a repeat is a text, not of type int"),
        (lambda p: p.node("x", "x.wasm", repeat=Repeat("true", NUMBER)), "`feed` of a repeat is a mapping, not of type "
                                                                         "int"),
        (lambda p: p.node("x", "x.wasm", repeat=Repeat("true", max=WORD)), "`max` of a repeat is a whole number, not "
                                                                           "of type str"),
        (lambda p: p.node("x", "x.wasm", retry=Retry(WORD)), "`times` of a retry is a whole number, not of type str"),
        (lambda p: p.node("x", "x.wasm", retry=Retry(1, WORD)), "`wait` of a retry is a number of seconds, not of type "
                                                                "str"),
        (lambda p: p.node("x", "x.wasm", args={3: 4}), "a name in `args` is a text, not of type int"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(NUMBER)), "`storage` of grants is a tuple, not of type int"),
        (lambda p: p.node("x", "x.wasm", grants=Grants((WORD,))), "what stands in `storage` of grants is a Storage, "
                                                                  "not of type str"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(http=(WORD,))), "what stands in `http` of grants is a Http, not "
                                                                       "of type str"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(secrets=WORD)), "`secrets` of grants is a tuple, not of type "
                                                                       "str"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(clock=NUMBER)), "`clock` of grants is a text, not of type int"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(clock_at=WORD)), "`clock_at` of grants is a number of seconds "
                                                                        "since 1970, not of type str"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(random_seed=WORD)), "`random_seed` of grants is a whole number, "
                                                                           "not of type str"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(optional=NUMBER)), "`optional` of grants is True or False, not "
                                                                          "of type int"),
        (lambda p: p.node("x", "x.wasm", grants=folder(quota=WORD)), "`quota` of a folder is a whole number, not of "
                                                                     "type str"),
        (lambda p: p.node("x", "x.wasm", grants=folder(files=True)), "`files` of a folder is a whole number, not of "
                                                                     "type bool"),
        (lambda p: p.node("x", "x.wasm", grants=folder(hidden=NUMBER)), "`hidden` of a folder is True or False, not of "
                                                                        "type int"),
        (lambda p: p.node("x", "x.wasm", grants=folder(path=Path("x"))), "`path` of a folder is a text, not of type "
                                                                         f"{type(Path()).__name__}"),
        (lambda p: p.node("x", "x.wasm", grants=http(methods=WORD)), "`methods` of an http grant is a tuple, not of "
                                                                     "type str"),
        (lambda p: p.node("x", "x.wasm", grants=http(timeout=WORD)), "the timeout of an http grant is a number of "
                                                                     "seconds, not of type str"),
        (lambda p: p.node("x", "x.wasm", grants=http(max_request=2.5)), "`max_request` of an http grant is a whole "
                                                                        "number, not of type float"),
        (lambda p: p.node("x", "x.wasm", grants=Grants(secrets=(Secret(NUMBER, "", ""),))), "`name` of a secret is a "
                                                                                            "text, not of type int"),
        (lambda p: p.node("x", "x.wasm", limits=Limits(fuel=WORD)), "the fuel of a node is a whole number, not of type "
                                                                    "str"),
        (lambda p: p.node("x", "x.wasm", limits=Limits(host_calls=WORD)), "`host_calls` of a node is a whole number, "
                                                                          "not of type str"),
        (lambda p: p.data("a", "b", contract=Contract(require=WORD)), "`require` of a contract is a tuple, not of type "
                                                                      "str"),
        (lambda p: p.data("a", "b", contract=Contract(functions=WORD)), "`functions` of a contract is a tuple, not of "
                                                                        "type str"),
        (lambda p: p.data("a", "b", contract=Contract(reject=(WORD,))), "what stands in `reject` of a contract is a "
                                                                        "Reject, not of type str"),
        (lambda p: p.load("x.yaml", env=3), "`env` is a mapping, not of type int"),
        (lambda p: p.load(3), "a pipeline is loaded from a path, not from what is of type int"),
    ],
)  # fmt: skip
def test_what_is_of_another_type_is_refused_and_changes_nothing(build: Build, message: str) -> None:
    pipeline = empty()
    with pytest.raises(TypeError) as caught:
        build(pipeline)
    assert str(caught.value) == message
    assert not pipeline.manifest.edges
    assert not pipeline._components


@pytest.mark.parametrize("given", ["local", "10.0.0.1/8", "", "300.0.0.0/8", "::/200"])
def test_a_range_of_addresses_is_one(given: str) -> None:
    with pytest.raises(ValueError, match=rf"^`{given}` is no range of addresses such as `127.0.0.0/8`: "):
        empty().link(addresses=[given])


def test_a_node_has_no_such_key() -> None:
    with pytest.raises(TypeError, match=r"^a node has no `limit`; it has component, python, signature, run, args, "):
        empty().node("x", "x.wasm").replace("x", limit=3)


def test_a_run_takes_inputs_by_name(engine: Engine) -> None:
    with echo().link(engine) as linked:
        told: Any = linked
        with pytest.raises(TypeError, match=r"^what is run with is a mapping, not of type int$"):
            told.run(5)
        with pytest.raises(TypeError, match=r"^`traceparent` is a text, not of type int$"):
            told.run(n=1, traceparent=5)
        with pytest.raises(TypeError, match=r"^`pipeline` is a Pipeline, not of type int$"):
            told.relink(5)


# Ranges


@pytest.mark.parametrize("timeout", [math.nan, -1, 0, -0.5, math.inf, 1e300, 10**400])
def test_a_timeout_is_above_zero(engine: Engine, timeout: float) -> None:
    builders: list[Build] = [
        lambda pipeline: pipeline.limit(timeout=timeout),
        lambda pipeline: pipeline.node("x", "x.wasm", limits=Limits(timeout=timeout)),
        lambda pipeline: pipeline.data("a", "b", contract=Contract(timeout=timeout)),
        lambda pipeline: echo().link(engine).run(n=1, timeout=timeout),
        lambda pipeline: echo().link(engine).start(n=1, timeout=timeout),
    ]
    for build in builders:
        with pytest.raises(ValueError, match=r"timeout.* is .*; expected seconds above zero, at most 31536000$"):
            build(empty())


def test_a_timeout_is_a_number(engine: Engine) -> None:
    with echo().link(engine) as linked:
        for wrong in ("5", True, [1]):
            told: Any = wrong
            with pytest.raises(TypeError, match=r"^`timeout` is a number of seconds, not of type"):
                linked.run(n=1, timeout=told)
        assert linked.run(n=1, timeout=30)["n"] == 1


def test_counts_and_words_out_of_range() -> None:
    for each in (0, Each(-1)):
        with pytest.raises(ValueError, match=r"^`each` is (0|-1); expected a number above zero$"):
            empty().data("a", "b", each=each)
    with pytest.raises(ValueError, match=r"^`lifetime` is `sesion`; expected one of run, call, session$"):
        empty().node("x", "x.wasm", lifetime="sesion")


# Ends


def test_a_run_after_the_engine_was_closed(tmp_path: Path) -> None:
    (tmp_path / "numbers.wat").write_text(NUMBERS)
    pipeline = echo().node("a", tmp_path / "numbers.wat", run=f"{NUM}.double").data("inputs.n", "a")
    with Engine(cache=tmp_path / "cache") as engine:
        linked = pipeline.link(engine)
        assert linked.run(n=1)["n"] == 1
    for run in (linked.run, linked.start):
        with pytest.raises(ClosedError, match=r"^the engine was closed$"):
            run(n=1)
    linked.close()


# Files


def test_a_folder_is_loaded_as_its_pipeline_file(tmp_path: Path) -> None:
    (tmp_path / "pipeline.yaml").write_text("pipeline: here\ninputs: {n: u32}\noutputs: {n: inputs.n}\n")
    assert Pipeline.load(tmp_path).manifest == Pipeline.load(tmp_path / "pipeline.yaml").manifest
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidPipeline) as caught:
        Pipeline.load(str(tmp_path / "empty"))
    assert "empty/pipeline.yaml" in str(caught.value)


def test_a_name_in_a_file_that_is_none_is_among_what_is_wrong(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("pipeline: Bad Name\ninputs: {n: u32}\noutputs: {n: inputs.n}\n")
    with pytest.raises(InvalidPipeline) as caught:
        Pipeline.load(file).link(engine)
    assert [found.code for found in caught.value.diagnostics] == ["missing-key", "name"]


def test_a_thousand_errors_of_the_text_and_of_the_links_are_one_report(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "many.yaml"
    nodes = [f"  n{i}: {{component: no.wasm, bad: 1, fallback: m{i}}}" for i in range(500)]
    file.write_text("\n".join(["pipeline: many", "nodes:", *nodes, ""]))
    pipeline = Pipeline.load(file)
    assert len(pipeline.diagnostics) == 201
    with pytest.raises(InvalidPipeline) as caught:
        pipeline.link(engine)
    found = caught.value.diagnostics
    codes = [diagnostic.code for diagnostic in found]
    assert (len(found), codes.count("too-many-errors"), codes[-1]) == (201, 1, "too-many-errors")
    lines = [diagnostic.span.line for diagnostic in found if diagnostic.span is not None]
    assert (lines[0], lines) == (3, sorted(lines))
    left_out = int(found[-1].message.removesuffix(" more are not shown"))
    assert left_out >= 800


# Paths in `repeat`


def test_the_paths_of_a_repeat_may_be_texts(engine: Engine, numbers: Component) -> None:
    def repeated(feed: Any) -> Pipeline:
        repeat = Repeat("value > 100u", feed, 20)
        node = Pipeline("again").input("n", "u32").node("a", numbers, run=f"{NUM}.double", repeat=repeat)
        return node.data("inputs.n", "a").output("out", "a")

    assert repeated({"n": "."}).manifest == repeated({"n": ()}).manifest
    with repeated({"n": "."}).link(engine) as linked:
        assert linked.run(n=1)["out"] == 128
    with pytest.raises(InvalidPipeline, match="an index after the dot"):
        repeated({"n": "a..b"})
