"""What widened and what narrowed between two plans: each key in each direction, and saved files that are not one."""

from __future__ import annotations

import copy
import ipaddress
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.capability import Operator
from orchestrator.errors import OrchestratorError
from orchestrator.manifest.model import Ceiling
from orchestrator.plan import Change, Plan, compare, plan_of, read_saved, show_changes
from tests.support.goldens import ROOT
from tests.support.link_worlds import linking, reading

HTTP = "https://api.example.com"


def plan(text: str, *ceilings: Ceiling, addresses: tuple[Any, ...] = ()) -> Plan:
    read = reading(text, "p.yaml", Path("/nowhere")).result()
    found = linking(read, python_nodes=True, operator=Operator(networks=addresses, ceilings=ceilings))
    assert found.graph is not None, "\n\n".join(map(str, found.diagnostics))
    return plan_of(found.graph)


def of(keys: str) -> Plan:
    return plan(f"pipeline: p\nnodes: {{a: {{component: step-all{keys and ', '}{keys}}}}}\n")


def said(before: Plan, after: Plan) -> list[str]:
    return [f"{one.kind} {one.where}: {one.what}" for one in compare(before.to_json(), after)]


def test_a_plan_is_as_it_is() -> None:
    text = (ROOT / "plan" / "all.yaml").read_text(encoding="utf-8")
    assert compare(plan(text).to_json(), plan(text)) == ()
    assert compare(json.loads(json.dumps(plan(text).to_json())), plan(text)) == ()
    assert show_changes(()) == "nothing changed"


BOTH_WAYS = [
    ("", "grants: {storage: [{path: d, at: /d}]}", "storage: read d at /d", "storage: no more read d at /d"),
    (
        "grants: {storage: [{path: d/sub, at: /d}]}",
        "grants: {storage: [{path: d, at: /d}]}",
        "storage: read d at /d",
        "storage: no more read d at /d",
    ),
    (
        "grants: {storage: [{path: d, at: /d}]}",
        "grants: {storage: [{path: d, at: /d, access: write}]}",
        "storage: write d at /d",
        "storage: no more write d at /d",
    ),
    (
        "grants: {storage: [{path: d, at: /d, access: write, quota: 1MiB, files: 5}]}",
        "grants: {storage: [{path: d, at: /d, access: write, files: 5}]}",
        "storage: write d at /d: `quota` was 1MiB and is no bound",
        "storage: write d at /d: `quota` was no bound and is 1MiB",
    ),
    (
        "grants: {storage: [{path: d, at: /d}]}",
        "grants: {storage: [{path: d, at: /d, hidden: true}]}",
        "storage: read d at /d, hidden files too",
        "storage: no more read d at /d, hidden files too",
    ),
    (
        f"grants: {{http: [{{url: '{HTTP}/v1/**'}}]}}",
        f"grants: {{http: [{{url: '{HTTP}/**'}}]}}",
        f"http: GET, HEAD {HTTP}/**",
        f"http: no more GET, HEAD {HTTP}/**",
    ),
    (
        f"grants: {{http: [{{url: '{HTTP}/**'}}]}}",
        f"grants: {{http: [{{url: '{HTTP}/**', methods: [HEAD, POST, GET]}}]}}",
        f"http: GET, HEAD, POST {HTTP}/**",
        f"http: no more GET, HEAD, POST {HTTP}/**",
    ),
    (
        f"grants: {{http: [{{url: '{HTTP}/**', max-request: 1KiB, timeout: 1s}}]}}",
        f"grants: {{http: [{{url: '{HTTP}/**', max-request: 1KiB, timeout: 2s}}]}}",
        f"http: GET, HEAD {HTTP}/**: `timeout` was 1s and is 2s",
        f"http: GET, HEAD {HTTP}/**: `timeout` was 2s and is 1s",
    ),
    *(
        (
            f"grants: {{http: [{{url: '{HTTP}/**'{less}}}]}}",
            f"grants: {{http: [{{url: '{HTTP}/**'{more}}}]}}",
            f"http: GET, HEAD {HTTP}/**: `{key}` was {was} and is {now}",
            f"http: GET, HEAD {HTTP}/**: `{key}` was {now} and is {was}",
        )
        for less, more, key, was, now in (
            ("", ", max-response: 1GiB", "max-response", "64MiB", "1GiB"),
            ("", ", max-request: 65MiB", "max-request", "64MiB", "65MiB"),
            (", max-response: 1MiB", "", "max-response", "1MiB", "64MiB"),
            (", timeout: 1m", "", "timeout", "1m", "no bound"),
            (", trace: false", "", "trace", "false", "true"),
        )
    ),
    (
        f"grants: {{http: [{{url: '{HTTP}/**'}}]}}",
        f"grants: {{http: [{{url: '{HTTP}/**'}}], secrets: [{{name: K, to: '{HTTP}', header: 'X: {{}}'}}]}}",
        f"secrets: K to {HTTP}, in `X: {{}}`",
        f"secrets: no more K to {HTTP}, in `X: {{}}`",
    ),
    ("", "grants: {environment: {LANG: C}}", "is given the variable `LANG`", "is given the variable `LANG` no more"),
    ("grants: {clock: fixed}", "grants: {clock: wall}", "`clock` was `fixed` and is `wall`",
     "`clock` was `wall` and is `fixed`"),
    ("grants: {random: seeded}", "grants: {random: secure}", "`random` was `seeded` and is `secure`",
     "`random` was `secure` and is `seeded`"),
    ("", "grants: {stdio: inherit}", "`stdio` was `captured` and is `inherit`",
     "`stdio` was `inherit` and is `captured`"),
    ("limits: {memory: 1MiB}", "limits: {memory: 2MiB}", "`memory` was 1MiB and is 2MiB",
     "`memory` was 2MiB and is 1MiB"),
    ("limits: {memory: 1MiB}", "", "`memory` was 1MiB and is 1GiB", "`memory` was 1GiB and is 1MiB"),
    ("", "limits: {memory: 2GiB}", "`memory` was 1GiB and is 2GiB", "`memory` was 2GiB and is 1GiB"),
    ("limits: {timeout: 5s}", "", "`timeout` was 5s and is no bound", "`timeout` was no bound and is 5s"),
    ("limits: {fuel: 5, host-calls: 1, output: 1B}", "limits: {fuel: 6, host-calls: 1, output: 1B}",
     "`fuel` was 5 and is 6", "`fuel` was 6 and is 5"),
    ("", "lifetime: session", "`lifetime` was `run` and is `session`", "`lifetime` was `session` and is `run`"),
    ("lifetime: call", "lifetime: session", "`lifetime` was `call` and is `session`",
     "`lifetime` was `session` and is `call`"),
]  # fmt: skip


@pytest.mark.parametrize(("less", "more", "widened", "narrowed"), BOTH_WAYS)
def test_each_power_and_limit_widens_and_narrows(less: str, more: str, widened: str, narrowed: str) -> None:
    assert f"widened node `a`: {widened}" in said(of(less), of(more))
    assert f"narrowed node `a`: {narrowed}" in said(of(more), of(less))
    assert not [line for line in said(of(more), of(less)) if line.startswith("widened")]


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("storage: [{path: d, at: /d}]", "storage: [{path: ./d/, at: /e}]", "storage: read d at /d is said otherwise"),
        (
            "clock: {fixed: '2026-01-01T00:00:00Z'}",
            "clock: fixed",
            "its clock was fixed at 2026-01-01T00:00:00Z and is fixed",
        ),
    ],
)
def test_what_is_neither_wider_nor_narrower_is_told(before: str, after: str, what: str) -> None:
    assert said(of(f"grants: {{{before}}}"), of(f"grants: {{{after}}}")) == [f"changed node `a`: {what}"]


def test_a_bound_that_is_said_as_it_is_anyhow_is_no_change() -> None:
    bare = f"grants: {{http: [{{url: '{HTTP}/**'}}]}}"
    assert said(of(bare), of(bare.replace("'}", "', max-response: 64MiB}"))) == []


def test_a_wider_bound_of_what_another_grant_covered_is_only_a_change() -> None:
    row = f"grants: {{http: [{{url: '{HTTP}/**'}}, {{url: '{HTTP}/v1', max-response: %s}}]}}"
    assert said(of(row % "1MiB"), of(row % "2MiB")) == [
        f"changed node `a`: http: GET, HEAD {HTTP}/v1: `max-response` was 1MiB and is 2MiB"
    ]
    assert said(of(row % "1MiB"), of(row % "65MiB"))[0].startswith("widened")


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("args: {text: a}", "args: {text: b}", "`args.text` has another value"),
        ("retry: {times: 1, on: [trap]}", "retry: {times: 2, on: [trap]}",
         "`retry` was `1 times after trap, 0 s apart` and is `2 times after trap, 0 s apart`"),
        ("", "retry: {times: 3, wait: 1s, on: [trap]}", "`retry` was none and is `3 times after trap, 1 s apart`"),
        ("", "bulk: never", "`bulk` was none and is `never`"),
        ("labels: [untrusted]", "", "holds what is `untrusted` no more"),
        ("", "labels: [untrusted]", "holds what is `untrusted`"),
    ],
)  # fmt: skip
def test_what_a_node_does_otherwise_is_told(before: str, after: str, what: str) -> None:
    old, new = map(of_sure, (before, after))
    assert f"changed node `a`: {what}" in said(old, new)


def of_sure(keys: str) -> Plan:
    args = "" if "args" in keys else ", args: {text: a}"
    more = f", {keys}" if keys else ""
    return plan(f"pipeline: p\nnodes: {{a: {{component: step, run: test:worlds/steps.sure{args}{more}}}}}\n")


def test_configuration_that_is_another_is_told() -> None:
    old, new = (of("").to_json(), of(""))
    old["nodes"]["a"]["settings"] = {"config.region": "sha256:0", "args.x": "sha256:1"}
    changed = replace(new, nodes=(replace(new.nodes[0], settings={"config.key": "sha256:0", "args.x": "sha256:2"}),))
    assert [one.what for one in compare(old, changed)] == [
        "`args.x` has another value",
        "`config.key` is new",
        "`config.region` is gone",
    ]


def test_that_a_node_can_send_is_wider() -> None:
    assert "widened node `a`: can send: `a` has the label `outbound` (line 2)" in said(of(""), of("labels: [outbound]"))
    assert "narrowed node `a`: cannot send any more" in said(of("labels: [outbound]"), of(""))


def test_a_plan_of_a_version_that_kept_less_is_compared_as_far_as_it_goes() -> None:
    saved = of("grants: {http: [{url: 'https://a.example/**'}]}, bulk: never").to_json()
    for node in saved["nodes"].values():
        del node["settings"]
        for grant in node["grants"]["http"]:
            del grant["trace"]
    assert compare(saved, of("grants: {http: [{url: 'https://a.example/**'}]}")) == ()


def test_an_instance_for_each_call_is_neither() -> None:
    """It remembers less, and there are many."""
    assert said(of(""), of("lifetime: call")) == ["changed node `a`: `lifetime` was `run` and is `call`"]
    assert said(of("lifetime: call"), of("")) == ["changed node `a`: `lifetime` was `call` and is `run`"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("d", "../d"),
        ("../d", "../../d/x"),
        ("d", "d/../e"),
        ("d", "/d"),
        ("d", "de"),
        ("d/..", ".."),
    ],
)
def test_a_path_that_leads_elsewhere_is_wider(before: str, after: str) -> None:
    assert said(of(f"grants: {{storage: [{{path: {before}, at: /d}}]}}"), of(f"grants: {{storage: [{{path: {after},"
                                                                             " at: /d}]}"))[0].startswith(
        "widened node `a`: storage: read "
    )  # fmt: skip


EDGES = """\
pipeline: p
outputs: {{}}
inputs: {{text: string}}
nodes: {{c: {{component: caller, run: test:worlds/steps.sure}}, d: {{component: ping-only}}}}
edges:
  - {{data: inputs.text -> c.text{data}}}
  - {{call: c -> d{call}}}
"""


def joined(data: str = "", call: str = "") -> Plan:
    return plan(EDGES.format(data=data, call=call))


CALL, DATA = "edge `c -> d (test:worlds/ping)`", "edge `inputs.text -> c.text`"
RULES = [
    ("call", "contract: {max-calls: 5}", "contract: {max-calls: 6}", "`max-calls` was 5 and is 6"),
    ("call", "contract: {max-calls: 5}", "", "`max-calls` was 5 and is no bound"),
    ("call", "contract: {rate: 10/min}", "contract: {rate: 10/s}", "`rate` was 10 in 60s and is 10 in 1s"),
    ("call", "contract: {timeout: 5s}", "contract: {timeout: 6s}", "`timeout` was 5s and is 6s"),
    ("call", "contract: {functions: [ping]}", "", "every function may be called"),
    ("call", "contract: {require: ['true']}", "", "`require` no more: true"),
    ("call", "contract: {redact: [args.text]}", "", "`redact` no more: args.text"),
    ("call", "contract: {reject: [{path: args, pattern: x}]}", "", "`reject` no more: x in args"),
    ("call", "contract: {on-violation: fail}", "contract: {on-violation: deny}",
     "`on-violation` was `fail` and is `deny`"),
    ("data", "contract: {max-bytes: 5B}", "contract: {max-bytes: 1KiB}", "`max-bytes` was 5B and is 1KiB"),
    ("data", "when: value != ''", "", "`when` was `value != ''` and is none"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "less", "more", "what"), RULES)
def test_each_rule_of_an_edge_widens_and_narrows(kind: str, less: str, more: str, what: str) -> None:
    where = CALL if kind == "call" else DATA
    tight, wide = (joined(**{kind: f", {rules}" if rules else ""}) for rules in (less, more))
    assert said(tight, wide) == [f"widened {where}: {what}"]
    assert [line.partition(" ")[0] for line in said(wide, tight)] == ["narrowed"]


def test_an_edge_that_nobody_judges_any_more_is_wider() -> None:
    watched = EDGES.replace("{{component: ping-only}}}}", "{{component: ping-only}}, g: {{component: guard}}}}")

    def judged(data: str) -> Plan:
        return plan(watched.format(data=data, call=", contract: {detect: g}"))

    both, one = judged(", contract: {detect: g}"), judged("")
    assert said(both, one) == [f"widened {DATA}: `detect` no more: g"]
    assert said(one, both) == [f"narrowed {DATA}: `detect`: g"]


def test_an_edge_that_declassifies_is_wider() -> None:
    stops = ", declassify: {labels: [private], reason: 'only names'}"
    both = stops.replace("[private]", "[private, untrusted]")
    inputs = EDGES.replace("{{text: string}}", "{{text: {{type: string, labels: [private, untrusted]}}}}")

    def labelled(data: str) -> Plan:
        return plan(inputs.format(data=data, call=""))

    assert f"widened {DATA}: takes the label `private` off" in said(labelled(""), labelled(stops))
    assert f"narrowed {DATA}: takes the label `private` off no more" in said(labelled(stops), labelled(""))
    assert f"widened {DATA}: takes the label `untrusted` off" in said(labelled(stops), labelled(both))
    assert said(labelled(stops), labelled(stops.replace("names", "dates"))) == [
        f"changed {DATA}: takes labels off for another reason: only dates"
    ]
    assert "changed node `c`: holds what is `untrusted`" in said(labelled(both), labelled(stops))


def test_a_condition_that_is_another_counts_as_wider() -> None:
    assert said(joined(data=", when: value != ''"), joined(data=", when: value != 'x'")) == [
        f"widened {DATA}: `when` was `value != ''` and is `value != 'x'`"
    ]


def test_nodes_and_edges_that_are_new_or_gone() -> None:
    one = plan("pipeline: p\nnodes: {d: {component: ping-only}}\n")
    two = joined()
    assert said(one, two) == [
        "widened node `c`: is new",
        f"widened {DATA}: is new",
        f"widened {CALL}: is new",
    ]
    assert {line.partition(" ")[0] for line in said(two, one)} == {"narrowed"}


def test_a_component_that_becomes_a_function_of_the_host_is_wider() -> None:
    signature = "{function: 'os.path:basename', signature: 'func(p: string) -> string'}"
    sandboxed, trusted = of(""), plan(f"pipeline: p\nnodes: {{a: {{python: {signature}, args: {{p: x}}}}}}\n")
    changes = said(sandboxed, trusted)
    assert changes[0] == "widened node `a`: runs in the host, trusted"
    assert any(line.startswith("changed node `a`: what it runs was sha256:0000") for line in changes)
    assert "narrowed node `a`: runs in a sandbox" in said(trusted, sandboxed)


def test_nodes_that_come_to_share_a_store() -> None:
    text = """
pipeline: p
nodes: {a: {component: caller, run: test:worlds/steps.sure, args: {text: hi}}, b: {component: ping-only}}
edges: [{call: a -> b, fuse: %s}]
"""
    assert "widened node `a`: shares its memory with `b`" in said(plan(text % "false"), plan(text % "true"))


def test_what_holds_for_a_whole_run() -> None:
    text = "pipeline: p\nlimits: {calls: %s}\nnodes: {a: {component: step}}\n"
    ten, some = ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("10.1.0.0/16")
    assert said(plan(text % 5), plan(text % 6)) == ["widened the run: `calls` was 5 and is 6"]
    wider = said(plan(text % 5, addresses=(some,)), plan(text % 5, addresses=(ten,)))
    assert wider == [
        "widened the run: requests may go to 10.0.0.0/8",
    ]
    assert said(plan(text % 5, addresses=(ten,)), plan(text % 5, addresses=(some,))) == [
        "narrowed the run: requests may not go to 10.0.0.0/8 any more"
    ]
    loose, tight = Ceiling("ops"), Ceiling("ops", python=False)
    assert said(plan(text % 5, loose), plan(text % 5)) == ["widened the run: the ceiling `ops` does not hold any more"]
    assert said(plan(text % 5), plan(text % 5, loose)) == ["narrowed the run: the ceiling `ops` holds"]
    assert said(plan(text % 5, loose), plan(text % 5, tight)) == [
        "changed the run: the ceiling `ops` says something else"
    ]


def test_a_default_that_leads_elsewhere() -> None:
    text = (
        "pipeline: p\ninputs: {f: {type: path, default: %s}}\n"
        "nodes: {a: {component: step-all, grants: {storage: [{path: '${inputs.f}', at: /f}]}}}\n"
    )
    wider = said(plan(text % "docs/a"), plan(text % "docs"))
    assert wider == ["widened input `f`: its default was `docs/a` and is `docs`"]
    assert said(plan(text % "docs"), plan(text % "docs/a")) == [
        "narrowed input `f`: its default was `docs` and is `docs/a`"
    ]


def test_changes_are_a_line_each() -> None:
    changes = compare(of("limits: {timeout: 5s}").to_json(), of("grants: {clock: wall}, limits: {memory: 1MiB}"))
    assert show_changes(changes) == (
        "+ widened   node `a`: `clock` was `none` and is `wall`\n"
        "+ widened   node `a`: `timeout` was 5s and is no bound\n"
        "- narrowed  node `a`: `memory` was 1GiB and is 1MiB\n"
        "\n"
        "2 things widened"
    )
    assert show_changes((Change("changed", "node `a`", "\x1b[31m"),)) == (
        "~ changed   node `a`: \\x1b[31m\n\nnothing widened"
    )


# What was saved may be anybody's


def test_a_saved_plan_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(of("").to_json()))
    assert compare(read_saved(path), of("")) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no saved plan: it is not JSON; `orchestrator plan --save` writes one"),
        ("[" * 100_000, "is no saved plan: it is not JSON; `orchestrator plan --save` writes one"),
        ("[]", "is no saved plan; `orchestrator plan --save` writes one"),
        ("{}", "is no saved plan; `orchestrator plan --save` writes one"),
        (
            '{"plan": "p", "format": 7}',
            "was saved by another version, in form 7; this one reads 1: save it anew and look at what it says",
        ),
        ('{"plan": "p", "format": 1, "nodes": []}', "is no saved plan: its `nodes` is damaged"),
    ],
)
def test_what_is_no_saved_plan_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(OrchestratorError) as caught:
        read_saved(path)
    assert str(caught.value) == f"{path} {message}"


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OrchestratorError, match=r"cannot read the saved plan .*: No such file or directory"):
        read_saved(tmp_path / "none")
    with pytest.raises(OrchestratorError, match="/dev/zero is no saved plan: it has over 16 MiB"):
        read_saved("/dev/zero")


ALL = plan((ROOT / "plan" / "all.yaml").read_text(encoding="utf-8"))
SAVED = ALL.to_json()


def places(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON document but its top."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [where for key, value in inner for where in ((*path, key), *places(value, (*path, key)))]


PLACES = places(SAVED)


@given(st.sampled_from(PLACES), st.sampled_from([None, 0, -1, "", "x", [], {}, [[]], {"a": 1}, 1e308, True]))
def test_a_saved_plan_that_was_tampered_with_is_compared_or_refused(where: tuple[Any, ...], value: Any) -> None:
    damaged = copy.deepcopy(SAVED)
    holder = damaged
    for key in where[:-1]:
        holder = holder[key]
    holder[where[-1]] = value
    with suppress(OrchestratorError):
        assert all(isinstance(change, Change) for change in compare(damaged, ALL))


@given(st.sampled_from(PLACES))
def test_a_saved_plan_that_lacks_something_is_never_taken_for_a_wider_one(where: tuple[Any, ...]) -> None:
    lacking = copy.deepcopy(SAVED)
    holder = lacking
    for key in where[:-1]:
        holder = holder[key]
    del holder[where[-1]]
    try:
        changes = compare(lacking, ALL)
    except OrchestratorError:
        return
    assert not any(change.kind == "narrowed" and "is gone" in change.what for change in changes)
