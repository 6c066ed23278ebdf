"""`orchestrator run`, `validate` and `graph`, on pipelines of inline WAT."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Command

NUMBERS = """
(component
  (core module $m
    (func (export "double") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))
    (func (export "trap") (param i32) (result i32) unreachable)
    (func (export "spin") (param i32) (result i32) (loop $l (br $l)) unreachable))
  (core instance $i (instantiate $m))
  (func $double (param "value" u32) (result u32) (canon lift (core func $i "double")))
  (func $trap (param "value" u32) (result u32) (canon lift (core func $i "trap")))
  (func $spin (param "value" u32) (result u32) (canon lift (core func $i "spin")))
  (instance $numbers (export "double" (func $double)) (export "trap" (func $trap)) (export "spin" (func $spin)))
  (export "demo:numbers/numbers" (instance $numbers)))
"""

PIPELINE = """\
pipeline: small
inputs:
  value: u32
outputs:
  result: second
nodes:
  first:
    component: numbers.wat
    run: demo:numbers/numbers.double
  second:
    component: numbers.wat
    run: demo:numbers/numbers.{function}
edges:
  - data: inputs.value -> first.value
  - data: first -> second.value
"""


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    (tmp_path / "numbers.wat").write_text(NUMBERS)
    for function in ("double", "trap", "spin"):
        (tmp_path / f"{function}.yaml").write_text(PIPELINE.replace("{function}", function))
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace("{function}", "double"))
    return tmp_path / "double.yaml"


def test_the_outputs_are_json_and_the_nodes_are_told(command: Command, pipeline: Path) -> None:
    done = command("run", pipeline, "--input", "value=21")
    assert (done.code, done.json) == (0, {"result": 84})
    assert [line.partition(" after ")[0] for line in done.err.splitlines()] == [
        "first: started",
        "first: done",
        "second: started",
        "second: done",
    ]


@pytest.mark.parametrize("flag", ["--quiet", "--json"])
def test_nothing_else_is_told_where_asked(command: Command, pipeline: Path, flag: str) -> None:
    done = command("run", pipeline, "-i", "value=1", flag)
    assert (done.code, done.json, done.err) == (0, {"result": 4}, "")


def test_a_folder_is_the_pipeline_in_it(command: Command, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("run", pipeline.parent, "-i", "value=1", "-q").json == {"result": 4}
    monkeypatch.chdir(pipeline.parent)
    assert command("run", "-i", "value=1", "-q").json == {"result": 4}


def test_the_tree_of_the_trace(command: Command, pipeline: Path) -> None:
    done = command("run", pipeline, "-i", "value=1", "--tree", "--quiet")
    lines = done.err.splitlines()
    assert lines[0].startswith("small ok trace ")
    assert any(line.startswith("├─ first ") for line in lines)
    assert any("second" in line for line in lines)


def test_the_events_in_a_file(command: Command, pipeline: Path) -> None:
    file = pipeline.parent / "trace.jsonl"
    for _ in range(2):
        assert command("run", pipeline, "-i", "value=1", "-q", "--trace", file).code == 0
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert sum(event["kind"] == "run" for event in events) == 2
    assert {event["node"] for event in events if event["kind"] == "node"} == {"first", "second"}


def test_a_file_that_cannot_be_written(command: Command, pipeline: Path) -> None:
    done = command("run", pipeline, "-i", "value=1", "--trace", "/no/such/folder/trace.jsonl")
    assert done.code == 2
    assert "`--trace /no/such/folder/trace.jsonl`: No such file or directory" in done.err


def test_a_path_that_is_too_long_is_told_as_any_other(command: Command) -> None:
    done = command("run", "x" * 300)
    assert done.code == 1
    assert done.err.startswith("error[file]: cannot read the file: File name too long\n --> xxx")


@pytest.mark.parametrize("value", ["-1", "many", "4294967296", "1.5"])
def test_an_input_that_does_not_fit_is_wrong_usage(command: Command, pipeline: Path, value: str) -> None:
    done = command("run", pipeline, "--input", f"value={value}")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: input `value` (u32): the value: expected ")


def test_a_missing_input_is_wrong_usage(command: Command, pipeline: Path) -> None:
    done = command("run", pipeline)
    assert done.code == 2
    assert done.err.startswith("error: input `value` (u32) is missing; give it as --input value=…\n")


@pytest.mark.parametrize("text", ["5", "soon", "-1s", "0s"])
def test_a_timeout_that_is_none_is_wrong_usage(command: Command, pipeline: Path, text: str) -> None:
    done = command("run", pipeline, "-i", "value=1", f"--timeout={text}")
    assert done.code == 2
    assert done.err.startswith(f"error: `--timeout {text}` is no duration; write it like 30s, 500ms or 2m\n")


def test_a_trap_names_the_node(command: Command, pipeline: Path) -> None:
    done = command("run", pipeline.with_name("trap.yaml"), "-i", "value=1", "--json")
    error = done.json["error"]
    assert (done.code, error["type"], error["node"]) == (1, "Trapped", "second")
    assert len(error["trace-id"]) == 32
    told = command("run", pipeline.with_name("trap.yaml"), "-i", "value=1", "--tree")
    assert (told.code, told.out) == (1, "")
    assert "(node `second`, " in told.err
    assert "small failed" in told.err


def test_a_guest_that_computes_without_end_is_ended(command: Command, pipeline: Path) -> None:
    done = command("run", pipeline.with_name("spin.yaml"), "-i", "value=1", "--timeout", "200ms", "--json")
    assert (done.code, done.json["error"]["type"]) == (1, "TimedOut")


def test_an_interrupt_ends_the_run_and_keeps_the_trace(pipeline: Path) -> None:
    file = pipeline.parent / "trace.jsonl"
    run = [sys.executable, "-m", "orchestrator", "run", str(pipeline.with_name("spin.yaml")), "-i", "value=1"]
    with subprocess.Popen([*run, "--trace", str(file)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line == "second: started\n":
                break
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(30) == 130
    assert "Traceback" not in rest
    assert rest.endswith("interrupted\n")
    events = [json.loads(line) for line in file.read_text().splitlines()]
    assert [event["decision"] for event in events if event["kind"] == "run"] == ["cancelled"]


def test_an_unknown_file(command: Command, pipeline: Path) -> None:
    for name in ("run", "validate", "graph"):
        done = command(name, pipeline.with_name("nothing.yaml"))
        assert (done.code, done.out) == (1, "")
        assert "nothing.yaml" in done.err


def test_validate_tells_of_each_pipeline(command: Command, pipeline: Path) -> None:
    broken = pipeline.with_name("broken.yaml")
    broken.write_text(pipeline.read_text().replace("first -> second.value", "frist -> second.valve"))
    done = command("validate", pipeline, broken)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"{pipeline}: ok\n")
    assert "frist" in done.err
    assert f"--> {broken}:" in done.err
    found = command("validate", pipeline, broken, "--json").json
    assert [each["ok"] for each in found["pipelines"]] == [True, False]
    assert found["pipelines"][1]["diagnostics"][0]["where"]["source"] == str(broken)


def test_validate_needs_a_pipeline(command: Command) -> None:
    assert command("validate").code == 2


@pytest.mark.parametrize(
    ("ending", "mark"), [("txt", "first"), ("svg", "<svg"), ("dot", "digraph"), ("mmd", "flowchart"), ("json", "{")]
)
def test_the_picture_is_what_the_file_is_called(command: Command, pipeline: Path, ending: str, mark: str) -> None:
    file = pipeline.parent / f"picture.{ending}"
    done = command("graph", pipeline, "-o", file)
    assert (done.code, done.out) == (0, "")
    assert mark in file.read_text()


def test_a_picture_on_standard_output(command: Command, pipeline: Path) -> None:
    done = command("graph", pipeline, "-o", pipeline.parent / "picture.png")
    assert done.code == 2
    assert done.err.startswith("error: no picture is drawn as .png; write an .svg, ")
    assert not (pipeline.parent / "picture.png").exists()
    assert "digraph" in command("graph", pipeline, "--format", "dot").out
    assert command("graph", pipeline, "--json").json.keys() == {"name", "vertices", "arcs"}


def test_a_variable_must_be_allowed(command: Command, pipeline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = pipeline.read_text().replace("pipeline: small\n", "pipeline: small\ndescription: ${WHO}\n")
    pipeline.write_text(text)
    monkeypatch.delenv("WHO", raising=False)
    assert command("run", pipeline, "-i", "value=1", "--env", "WHO").err.startswith(
        "error: `--env WHO`: the environment has no such variable\n"
    )
    monkeypatch.setenv("WHO", "me")
    assert command("run", pipeline, "-i", "value=1", "-q").code == 1
    assert command("run", pipeline, "-i", "value=1", "-q", "--env", "WHO").json == {"result": 4}


def test_the_live_tree_at_a_terminal(pipeline: Path) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    run = [sys.executable, "-m", "orchestrator", "run", str(pipeline), "-i", "value=1"]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": "1"}
    with subprocess.Popen(run, stdout=subprocess.PIPE, stderr=follower, env=environment) as process:
        os.close(follower)
        shown, until = b"", time.monotonic() + 60
        while time.monotonic() < until:
            try:
                shown += os.read(leader, 4096)
            except OSError:
                break
        assert process.stdout is not None
        assert json.loads(process.stdout.read()) == {"result": 4}
    os.close(leader)
    assert "✓ first" in shown.decode()
    assert "✓ second" in shown.decode()


@pytest.fixture
def sender(pipeline: Path) -> Path:
    """A pipeline whose second node can send and has private data."""
    text = pipeline.read_text().replace("  second:\n", "  second:\n    labels: [private, outbound]\n")
    pipeline.write_text(text)
    return pipeline


def test_an_input_may_be_given_with_labels(command: Command, sender: Path) -> None:
    assert command("run", sender, "--input", "value=2", "--label", "value=private", "--quiet").json == {"result": 8}
    done = command("run", sender, "--input", "value=2", "--label", "value=private", "--label", "value=untrusted", "-q")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error[flow]: untrusted content and private data meet in `second`, which can send\n")
    assert "= untrusted: the input `value` was given to the run with the label `untrusted`\n" in done.err


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("value", "`--label value` is not NAME=LABEL"),
        ("valu=private", "the pipeline has no input `valu`; its inputs: value (u32)"),
        ("value=outbound", "`--label value=outbound`: there is no such label; there is untrusted, private"),
        ("value=\x1b[1m", "`--label value=\\x1b[1m`: there is no such label; there is untrusted, private"),
    ],
)
def test_a_label_that_is_none_is_told(command: Command, pipeline: Path, label: str, said: str) -> None:
    done = command("run", pipeline, "--input", "value=2", "--label", label)
    assert done.code == 2
    assert said in done.err


def test_a_pipeline_that_is_refused_for_its_labels_is_drawn_and_the_command_fails(
    command: Command, sender: Path
) -> None:
    sender.write_text(sender.read_text().replace("value: u32", "value: {type: u32, labels: [untrusted]}"))
    done = command("graph", sender)
    assert done.code == 1
    assert "│ ! untrusted content and private data meet here, and it can send\n" in done.out
    assert "! carries untrusted\n" in done.out
    assert done.err.startswith("error[flow]: untrusted content and private data meet in `second`, which can send\n")
    whole = command("graph", sender, "--json").json
    assert whole.keys() == {"name", "vertices", "arcs", "error"}
    assert [one["code"] for one in whole["error"]["diagnostics"]] == ["flow"]
    file = sender.parent / "refused.svg"
    assert command("graph", sender, "-o", file).code == 1
    assert "og-alarm" in file.read_text()
    sender.write_text(sender.read_text().replace("demo:numbers/numbers.double", "demo:numbers/numbers.gone"))
    done = command("graph", sender)
    assert (done.code, done.out) == (1, "")
