"""`orchestrator plan`: told, kept, and held against what was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Done
from tests.cli.test_operator import ONES, PIPELINE
from tests.support.goldens import PROJECT


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORCHESTRATOR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("ORCHESTRATOR_CEILING", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ones.wat").write_text(ONES)
    (tmp_path / "asks.yaml").write_text(PIPELINE % ", optional: true")
    (tmp_path / "ops.yaml").write_text('ceiling: ops\ngrants: {http: [{url: "http://127.0.0.1:1/**"}]}\n'
                                       "limits: {memory: 1MiB, timeout: 5s}\naddresses: [127.0.0.0/8]\n")  # fmt: skip
    return tmp_path / "asks.yaml"


def test_a_plan_is_told_on_standard_output(command: Command, pipeline: Path) -> None:
    done = command("plan", pipeline)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "plan of asks, beneath no ceiling\n"
        "  run             unbounded timeout, calls [default]\n"
        "  engine          memory 1GiB, tables 1_048_576, handles 100_000 where no other is said [default]\n"
        "\n"
        "a  ones.wat, runs demo:ones/ones.one\n"
        "  http            GET, HEAD http://127.0.0.1:1/** [pipeline, grants.http[0]]\n"
        "  secrets         API_KEY to http://127.0.0.1:1, in `Authorization: Bearer {}`\n"
        "                  [pipeline, grants.secrets[0]]\n"
        "  limits          unbounded timeout, fuel, host-calls, output [default]\n"
        "  labels          private, untrusted; `a` may send to `http://127.0.0.1:1/**` (http, line 8)\n"
        "  gives           outputs.one\n"
    )


def test_a_ceiling_and_addresses_are_told(command: Command, pipeline: Path) -> None:
    done = command("plan", pipeline, "--ceiling", "ops.yaml", "--allow-address", "127.0.0.0/8")
    assert done.code == 0
    assert done.out == (
        "plan of asks, beneath the ceiling `ops`\n"
        "  run             unbounded timeout, calls [default]\n"
        "  engine          tables 1_048_576, handles 100_000 where no other is said [default]\n"
        "  addresses       127.0.0.0/8 [besides public ones]\n"
        "\n"
        "a  ones.wat, runs demo:ones/ones.one\n"
        "  http            GET, HEAD http://127.0.0.1:1/** [pipeline, grants.http[0]]\n"
        "  limits          memory 1MiB, timeout 5s [the ceiling `ops`]; unbounded fuel, host-calls, output\n"
        "                  [default]\n"
        "  taken           secrets: asks `API_KEY` to `http://127.0.0.1:1`, is left nothing\n"
        "                  [the ceiling `ops`]\n"
        "  labels          untrusted; `a` may send to `http://127.0.0.1:1/**` (http, line 8)\n"
        "  gives           outputs.one\n"
    )


def test_a_pipeline_that_is_refused_has_no_plan(command: Command, pipeline: Path) -> None:
    (pipeline.parent / "none.yaml").write_text("ceiling: none\n")
    done = command("plan", pipeline, "--ceiling", "none.yaml", "--save", "kept.json")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error[ceiling]: `a` is granted more `http` than the ceiling `none` allows")
    assert not (pipeline.parent / "kept.json").exists()


def test_as_json(command: Command, pipeline: Path) -> None:
    done = command("plan", pipeline, "--json")
    assert (done.code, done.err) == (0, "")
    assert (done.json["plan"], list(done.json["nodes"])) == ("asks", ["a"])
    assert done.json["nodes"]["a"]["grants"]["http"][0]["url"] == "http://127.0.0.1:1/**"
    assert "changes" not in done.json


def test_what_widened_since_it_was_kept_fails(command: Command, pipeline: Path) -> None:
    assert command("plan", pipeline, "--save", "kept.json").code == 0
    assert command("plan", pipeline, "--json").json == json.loads(Path("kept.json").read_text())
    done = command("plan", pipeline, "--diff", "kept.json")
    assert (done.code, done.out) == (0, "nothing changed\n")

    pipeline.write_text(pipeline.read_text().replace("/**", "/v1/**"))
    done = command("plan", pipeline, "--diff", "kept.json")
    assert done.code == 0
    assert done.out == ("- narrowed  node `a`: http: no more GET, HEAD http://127.0.0.1:1/**\n\nnothing widened\n")

    pipeline.write_text(pipeline.read_text().replace("v1/**", "**").replace("1/**", "2/**").replace(':1"', ':2"'))
    done = command("plan", pipeline, "--diff", "kept.json")
    assert done.code == 1
    assert done.out.splitlines()[0] == "+ widened   node `a`: http: GET, HEAD http://127.0.0.1:2/**"
    assert done.out.endswith("\n\n2 things widened\n")
    as_json = command("plan", pipeline, "--diff", "kept.json", "--json")
    assert as_json.code == 1
    assert [change["kind"] for change in as_json.json["changes"]] == ["widened"] * 2 + ["narrowed"] * 2
    assert as_json.json["changes"][0]["where"] == "node `a`"


def test_a_plan_is_held_against_the_one_kept_before_it_is_kept_itself(command: Command, pipeline: Path) -> None:
    command("plan", pipeline, "--save", "kept.json")
    pipeline.write_text(pipeline.read_text().replace("/**", "/*"))
    assert command("plan", pipeline, "--diff", "kept.json", "--save", "kept.json").out.startswith("- narrowed")
    assert command("plan", pipeline, "--diff", "kept.json").out == "nothing changed\n"


@pytest.mark.parametrize("saved", ["none.json", "asks.yaml"])
def test_what_was_not_kept_is_told_before_anything_is_built(command: Command, pipeline: Path, saved: str) -> None:
    done = command("plan", pipeline, "--diff", saved)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(("error: cannot read the saved plan none.json", "error: asks.yaml is no saved plan"))


def test_a_place_that_cannot_be_written_is_told(command: Command, pipeline: Path) -> None:
    done = command("plan", pipeline, "--save", "/no/such/folder/plan.json")
    assert done.code == 1
    assert done.err == "error: cannot keep the plan in /no/such/folder/plan.json: No such file or directory\n"


def test_a_python_node_is_told_as_trusted(command: Command, pipeline: Path) -> None:
    signature = "func(p: string) -> string"
    pipeline.write_text(
        "pipeline: trusting\noutputs: {name: f}\nnodes:\n"
        f"  f: {{python: {{function: 'os.path:basename', signature: '{signature}'}}, args: {{p: a/b}}}}\n"
    )
    assert command("plan", pipeline).code == 1
    done = command("plan", pipeline, "--allow-python")
    assert done.code == 0
    assert "f  Python function os.path:basename\n  trusted         runs in the host, without a sandbox" in done.out
    assert command("plan", pipeline, "--allow-python", "--json").json["nodes"]["f"]["trusted"] is True


@pytest.mark.slow
def test_the_plan_of_the_demo_fits_on_a_screen(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = command("plan", PROJECT / "pipelines" / "docs-answer.yaml")
    lines = done.out.splitlines()
    assert done.code == 0
    assert len(lines) < 40
    assert max(map(len, lines)) <= 100
    files = done.out.partition("\nfiles ")[2].partition("\n\n")[0]
    assert "  storage         read ${inputs.folder} at /docs [pipeline, grants.storage[0]]\n" in files
    assert f"$ orchestrator plan pipelines/docs-answer.yaml\n{done.out}```\n" in (
        PROJECT / "docs" / "guide" / "plan.md"
    ).read_text(encoding="utf-8")
    others = done.out.partition("\nanswerer ")[2]
    assert others.count("  grants          nothing [default]\n") == 3
    assert "will be refused" in others


def test_a_quiet_plan_tells_by_its_exit_code_alone(command: Command, pipeline: Path, tmp_path: Path) -> None:
    assert command("plan", pipeline, "--quiet", "--save", "kept.json") == Done(0, "", "")
    assert command("plan", pipeline, "-q", "--diff", "kept.json") == Done(0, "", "")
    kept = json.loads((tmp_path / "kept.json").read_text())
    kept["nodes"]["a"]["grants"]["http"] = []
    (tmp_path / "kept.json").write_text(json.dumps(kept))
    assert command("plan", pipeline, "-q", "--diff", "kept.json") == Done(1, "", "")
    assert command("plan", "none.yaml", "-q").err.startswith("error")
