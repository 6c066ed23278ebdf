"""The plan of a pipeline: what each node may do, who says so, what is refused; as text and as data."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import NOBODY, Operator
from orchestrator.link.linker import Linking
from orchestrator.manifest.model import Claims
from orchestrator.plan import Plan, plan_of, show
from tests.support.ceilings import ceiling
from tests.support.goldens import ROOT, cases, matches
from tests.support.link_worlds import linking, reading

CEILING = """\
grants:
  storage: [{path: docs}, {path: work}, {path: docs/sub, access: write}]
  http: [{url: "https://api.example.com/**", methods: [GET, HEAD, POST]}]
  secrets: [{name: API_KEY, to: "https://api.example.com"}]
  environment: ["*"]
  clock: fixed
  random: secure
limits: {memory: 1MiB, host-calls: 100}
run: {calls: 5}
addresses: [127.0.0.0/8]
"""


def link(name: str, folder: Path, operator: Operator = NOBODY, **claims: Claims) -> Linking:
    text = (ROOT / "plan" / f"{name}.yaml").read_text(encoding="utf-8")
    return linking(reading(text, f"{name}.yaml", folder).result(), python_nodes=True, operator=operator, claims=claims)


def planned(found: Linking) -> Plan:
    assert found.graph is not None, "\n\n".join(map(str, found.diagnostics))
    return plan_of(found.graph)


@pytest.mark.parametrize("path", cases("plan"), ids=lambda path: path.stem)
def test_the_plan_of_a_pipeline(path: Path, tmp_path: Path) -> None:
    plan = planned(link(path.stem, tmp_path))
    matches(path.with_suffix(".txt"), show(plan) + "\n")
    matches(path.with_suffix(".json"), json.dumps(plan.to_json(), indent=1) + "\n")
    assert str(plan) == show(plan)


@pytest.mark.parametrize("path", cases("plan"), ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_a_plan_fits_its_width_and_has_no_colour_of_its_own(path: Path, tmp_path: Path, width: int) -> None:
    text = show(planned(link(path.stem, tmp_path)), width=width)
    assert "\x1b" not in text
    long = [line for line in text.splitlines() if len(line) > max(width, 60)]
    assert all(" " not in line.strip() or not line.startswith(" ") for line in long)


def test_a_plan_beneath_a_ceiling_and_within_claims(tmp_path: Path) -> None:
    limit = ceiling(tmp_path, CEILING)
    text = (ROOT / "plan" / "all.yaml").read_text(encoding="utf-8")
    # What it asks beyond the ceiling is made optional: else it is refused.
    text = text.replace("      stdio: none\n", "      stdio: none\n      optional: true\n")
    text = text.replace("fuel: 1_000_000}", "fuel: 1_000_000, optional: true}")
    operator = Operator(ceilings=(limit,))
    claims = {"b": Claims(clock="monotonic", where=limit.where), "d": Claims()}
    read = reading(text, "all.yaml", tmp_path).result()
    plan = planned(linking(read, python_nodes=True, operator=operator, claims=claims))
    matches(ROOT / "plan" / "all.ceiling.txt", show(plan) + "\n")


def node(plan: Plan, name: str) -> dict[str, Any]:
    found: dict[str, Any] = plan.to_json()["nodes"][name]
    return found


def test_who_says_what_is_data_too(tmp_path: Path) -> None:
    limit = ceiling(tmp_path, "grants: {random: seeded}\nlimits: {memory: 1MiB, host-calls: 100}\n")
    keys = "limits: {memory: 128KiB, timeout: 1s}, grants: {random: secure, optional: true}"
    text = f"pipeline: p\nnodes: {{a: {{component: step-all, {keys}}}}}\n"
    plan = planned(linking(reading(text, "p.yaml", tmp_path).result(), operator=Operator(ceilings=(limit,))))
    found = node(plan, "a")
    assert found["limits"] == {
        "memory": {"value": 1 << 17, "from": "pipeline"},
        "tables": {"value": 1 << 20, "from": "default"},
        "timeout": {"value": 1.0, "from": "pipeline"},
        "fuel": {"value": None, "from": "default"},
        "host-calls": {"value": 100, "from": "the ceiling `ops`"},
        "output": {"value": None, "from": "default"},
        "handles": {"value": 100_000, "from": "default"},
    }
    assert found["taken"] == [
        {"key": "random", "place": "grants.random", "asked": "`secure`", "left": "`seeded`", "by": "the ceiling `ops`"}
    ]
    assert plan.to_json()["ceilings"][0]["name"] == "ops"


def test_a_component_that_claims_less_than_it_imports_is_refused_the_rest(tmp_path: Path) -> None:
    text = "pipeline: p\nnodes: {a: {component: step-all, grants: {clock: wall}}}\n"
    read = reading(text, "p.yaml", tmp_path).result()
    plan = planned(linking(read, claims={"a": Claims(clock="wall", random="secure")}))
    assert {one["power"]: one["why"] for one in node(plan, "a")["refused"]} == {
        "storage": "its manifest does not claim it",
        "http": "its manifest does not claim it",
        "sockets": "its manifest does not claim it",
        "environment": "its manifest does not claim it",
        "random": "nothing grants it",
    }
    assert node(plan, "a")["refused"][1]["imports"] == ["wasi:http/types", "wasi:http/outgoing-handler"]


def test_what_an_edge_answers_needs_no_power(tmp_path: Path) -> None:
    text = "pipeline: p\nnodes: {a: {component: step-shop}, b: {component: shop}}\nedges: [call: a -> b]\n"
    plan = planned(linking(reading(text, "p.yaml", tmp_path).result()))
    assert node(plan, "a")["refused"] == []


def test_no_value_that_may_be_secret_is_in_a_plan(tmp_path: Path) -> None:
    operator = Operator({"API_KEY": "hunter3-hunter3"}, (ipaddress.ip_network("10.0.0.0/8"),))
    plan = planned(link("all", tmp_path, operator))
    told = show(plan) + json.dumps(plan.to_json()) + repr(replace(plan, nodes=()))
    assert "hunter" not in told
    assert plan.to_json()["addresses"] == ["10.0.0.0/8"]
    assert "addresses       10.0.0.0/8 [besides public ones]" in show(plan)


def test_names_that_would_steer_a_terminal_are_escaped(tmp_path: Path) -> None:
    text = 'pipeline: p\nnodes: {a: {component: step, grants: {environment: {"A\\e[31m": x}}}}\n'
    plan = planned(linking(reading(text, "p.yaml", tmp_path).result()))
    assert "A\\x1b[31m" in show(plan)
    assert "\x1b" not in show(plan)
