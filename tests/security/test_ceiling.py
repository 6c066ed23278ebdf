"""The ceiling: no pipeline gets past what the operator allows; what it can live without it says by `optional`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest

from orchestrator import manifest
from orchestrator.capability import Operator, limits, prepare
from orchestrator.capability import ceiling as ceilings
from orchestrator.errors import InvalidPipeline, RunError
from orchestrator.link.linker import Linking
from orchestrator.manifest.model import Allowed, Ceiling, Grants, Http, Limits, RunLimits, Secret, Storage
from tests.support.ceilings import ceiling, held, node_of, refusal
from tests.support.granting import faults, granted
from tests.support.link_worlds import linking

ALL = """\
grants:
  storage: [{path: docs}, {path: work, access: write}]
  http: [{url: "https://api.example.com/v1/**", methods: [GET, POST]}, {url: "https://*.example.org/**"}]
  secrets: [{name: API_KEY, to: "https://api.example.com"}]
  environment: [LANG, LC_*]
  clock: monotonic
  random: seeded
limits: {memory: 64MiB, timeout: 1m, host-calls: 100}
run: {timeout: 10m, calls: 50}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `docs`, `work` and `private`, and a ceiling's file will be in it."""
    for name in ("docs/sub", "work", "private"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def optional_of(grants: str) -> str:
    return f"grants: {{{grants}, optional: true}}"


def test_what_a_node_can_live_without_is_said_grant_by_grant_or_of_all_of_them() -> None:
    grants = granted(
        "grants: {storage: [{path: a, at: /a, optional: true}], http: [{url: 'https://a.example/', optional: true}],"
        " secrets: [{name: A, to: 'https://a.example', header: 'X: {}', optional: true}], optional: true}"
    ).grants
    assert grants.storage == (Storage("a", "/a", optional=True),)
    assert grants.http == (Http("https://a.example/", optional=True),)
    assert grants.secrets == (Secret("A", "https://a.example", "X: {}", optional=True),)
    assert grants.optional
    assert not granted("grants: {storage: [{path: a, at: /a}]}").grants.storage[0].optional
    assert granted("limits: {memory: 1MiB, optional: true}").limits == Limits(1 << 20, optional=True)


def test_optional_is_a_plain_yes_or_no() -> None:
    assert faults("grants: {optional: some}") == [
        "wrong-kind: `grants.optional` of node `a` must be `true` or `false`, not the text `some`"
    ]


# What is within the ceiling stays as it is


@pytest.mark.parametrize(
    "grants",
    [
        "storage: [{path: docs, at: /d}]",
        "storage: [{path: docs/sub, at: /d}]",
        "storage: [{path: ./work/../docs, at: /d}]",
        "storage: [{path: work, at: /w, access: write, quota: 1MiB, files: 5, hidden: true}]",
        "storage: [{path: work/not-there-yet, at: /w, access: write}]",
        "http: [{url: 'https://api.example.com/v1/**', methods: [POST, GET]}]",
        "http: [{url: 'https://api.example.com/v1/users/*', methods: [POST]}]",
        "http: [{url: 'https://API.example.com:443/v1/a', methods: [GET]}]",
        "http: [{url: 'https://*.example.org/x/**', max-request: 5B, timeout: 1s}]",
        "http: [{url: 'https://api.example.com/v1/**', methods: [GET]}], secrets: [{name: API_KEY, to:"
        " 'https://api.example.com', header: 'X: {}'}]",
        "environment: {LANG: C, LC_ALL: C, LC_: x}",
        "clock: monotonic",
        "random: seeded",
        "random: {seeded: 7}",
        "stdio: captured",
        "stdio: none",
    ],
)
def test_what_the_ceiling_allows_is_granted_as_it_is_asked(folder: Path, grants: str) -> None:
    asked = granted(f"grants: {{{grants}}}").grants
    node = node_of(held(folder, f"grants: {{{grants}}}", ceiling(folder, ALL)))
    assert node.grants == asked
    assert node.cuts == ()


# What is not is refused, or narrowed


BEYOND = [
    ("storage: [{path: private, at: /p}]", "storage: read `private`", Grants(optional=True)),
    ("storage: [{path: ., at: /p}]", "storage: read `.`", Grants(optional=True)),
    ("storage: [{path: docs/../private, at: /p}]", "storage: read `docs/../private`", Grants(optional=True)),
    ("storage: [{path: docs-other, at: /p}]", "storage: read `docs-other`", Grants(optional=True)),
    ("storage: [{path: /, at: /p}]", "storage: read `/`", Grants(optional=True)),
    ("storage: [{path: link, at: /p}]", "storage: read `link`", Grants(optional=True)),
    (
        "storage: [{path: docs, at: /p, access: write, quota: 5B}]",
        "storage: write `docs`",
        Grants((Storage("docs", "/p"),), optional=True),
    ),
    ("http: [{url: 'https://example.com/**'}]", "http: GET, HEAD `https://example.com/**`", Grants(optional=True)),
    (
        "http: [{url: 'https://api.example.com/**', methods: [DELETE, GET]}]",
        "http: DELETE, GET `https://api.example.com/**`",
        Grants(http=(Http("https://api.example.com/v1/**", ("GET",)),), optional=True),
    ),
    (
        "http: [{url: 'https://*.example.com/v1/*', methods: [POST]}]",
        "http: POST `https://*.example.com/v1/*`",
        Grants(http=(Http("https://api.example.com/v1/*", ("POST",)),), optional=True),
    ),
    ("http: [{url: 'http://api.example.com/v1/**'}]", "http: GET, HEAD `http://api.example.com/v1/**`",
     Grants(optional=True)),
    ("http: [{url: 'https://api.example.com:8443/v1/**'}]", "http: GET, HEAD `https://api.example.com:8443/v1/**`",
     Grants(optional=True)),
    ("http: [{url: 'https://a.b.example.org/**'}]", "http: GET, HEAD `https://a.b.example.org/**`",
     Grants(optional=True)),
    ("environment: {LANG: C, PATH: /bin, lc_x: y}", "environment: `PATH`", Grants(environment={"LANG": "C"},
                                                                                  optional=True)),
    ("clock: wall", "clock: `wall`", Grants(clock="monotonic", optional=True)),
    ("clock: fixed", "clock: `fixed`", Grants(optional=True)),
    ("clock: {fixed: '2026-01-01T00:00:00Z'}", "clock: `fixed`", Grants(optional=True)),
    ("random: secure", "random: `secure`", Grants(random="seeded", optional=True)),
    ("stdio: inherit", "stdio: `inherit`", Grants(stdio="captured", optional=True)),
]  # fmt: skip


@pytest.mark.parametrize(("grants", "said", "left"), BEYOND)
def test_what_the_ceiling_does_not_allow_is_refused_or_narrowed(
    folder: Path, grants: str, said: str, left: Grants
) -> None:
    (folder / "link").symlink_to(folder / "private")
    limit = ceiling(folder, ALL)
    power, _, asked = said.partition(": ")
    found = held(folder, f"grants: {{{grants}}}", limit)
    errors = [one for one in found.diagnostics if one.severity == "error"]
    assert errors[0].message == f"`a` is granted more `{power}` than the ceiling `ops` allows: {asked}"
    assert {one.code for one in errors} == {"ceiling"}
    assert node_of(held(folder, optional_of(grants), limit)).grants == left


def test_a_refusal_shows_both_places(folder: Path) -> None:
    found = held(folder, "grants: {storage: [{path: private, at: /p}]}", ceiling(folder, ALL))
    docs, work = folder.resolve() / "docs", folder.resolve() / "work"
    assert refusal(found) == (
        "error[ceiling]: `a` is granted more `storage` than the ceiling `ops` allows: read `private`\n"
        " --> p.yaml:4:94\n"
        "  |\n"
        "4 |   a: {component: step-all, run: test:worlds/steps.sure, args: {text: hi}, grants: {storage: [{path:"
        " private, at: /p}]}}\n"
        "  |                                                                                              "
        "^^^^^^^^^^^^^^^^^^^^^^^\n"
        f"  = the ceiling `ops` allows read `{docs}`, write `{work}` ({folder}/ops.yaml:3:12)\n"
        "  = help: ask for less, or write `optional: true` if the node can live with that"
    )


def test_one_grant_may_be_optional_where_another_is_not(folder: Path) -> None:
    two = "grants: {storage: [{path: private, at: /p, optional: true}, {path: docs, at: /d}], clock: wall}"
    found = held(folder, two, ceiling(folder, ALL))
    assert [one.message for one in found.diagnostics if one.severity == "error"] == [
        "`a` is granted more `clock` than the ceiling `ops` allows: `wall`"
    ]
    kept = node_of(held(folder, two.replace(", clock: wall", ""), ceiling(folder, ALL)))
    assert kept.grants.storage == (Storage("docs", "/d"),)
    assert kept.places["storage"] == (1,)


def test_what_a_ceiling_does_not_list_cannot_be_granted(folder: Path) -> None:
    nothing = ceiling(folder, "")
    every = (
        "grants: {storage: [{path: docs, at: /d}], http: [{url: 'https://a.example/**'}], secrets: [{name: K, to:"
        " 'https://a.example', header: 'X: {}'}], environment: {LANG: C}, clock: fixed, random: seeded, stdio: inherit}"
    )
    found = held(folder, every, nothing)
    assert [one.message.partition("` than")[0] for one in found.diagnostics if one.code == "ceiling"] == [
        f"`a` is granted more `{power}"
        for power in ("storage", "http", "secrets", "environment", "clock", "random", "stdio")
    ]
    assert node_of(held(folder, "", nothing)).grants == Grants()


def test_what_is_captured_is_no_demand(folder: Path) -> None:
    silent = ceiling(folder, "grants: {stdio: none}")
    assert node_of(held(folder, "", silent)).grants == Grants(stdio="none")


def test_a_secret_goes_where_the_ceiling_says(folder: Path) -> None:
    grants = (
        "grants: {http: [{url: 'https://x.example.org/**'}], secrets:"
        " [{name: API_KEY, to: 'https://x.example.org', header: 'X: {}'}]}"
    )
    assert "more `secrets` than the ceiling `ops` allows: `API_KEY` to `https://x.example.org`" in refusal(
        held(folder, grants, ceiling(folder, ALL))
    )


def test_a_grant_that_says_no_methods_is_told_which_to_say(folder: Path) -> None:
    only = ceiling(folder, "grants: {http: [{url: 'https://a.example/**', methods: [GET]}]}")
    help_ = " = help: write `methods: [GET]`: without the key a grant asks for GET and HEAD\n"
    said = refusal(held(folder, "grants: {http: [{url: 'https://a.example/v1/**'}]}", only))
    assert help_.strip() in said
    other = refusal(held(folder, "grants: {http: [{url: 'https://b.example/**'}]}", only))
    more = refusal(held(folder, "grants: {http: [{url: 'https://a.example/**', methods: [GET, POST]}]}", only))
    assert "methods:" not in other + more.partition("help")[2]
    asked = node_of(held(folder, "grants: {http: [{url: 'https://a.example/v1/**', methods: [GET]}]}", only))
    assert asked.cuts == ()


def test_a_ceiling_that_is_empty_is_told_what_it_needs(folder: Path) -> None:
    (folder / "ops.yaml").write_text("")
    with pytest.raises(InvalidPipeline) as caught:
        ceilings.load(folder / "ops.yaml")
    (problem,) = caught.value.diagnostics
    assert (problem.message, problem.help) == ("the document is empty", ("write at least `ceiling`",))


# Limits


def test_a_node_without_limits_has_those_of_the_ceiling(folder: Path) -> None:
    node = node_of(held(folder, "", ceiling(folder, ALL)))
    assert node.limits == Limits(64 << 20, timeout=60.0, host_calls=100)
    lower = node_of(held(folder, "limits: {memory: 1MiB, fuel: 5}", ceiling(folder, ALL)))
    assert lower.limits == Limits(1 << 20, timeout=60.0, fuel=5, host_calls=100)


@pytest.mark.parametrize(
    ("asked", "most"),
    [("memory: 128MiB", "64MiB"), ("timeout: 61s", "1m"), ("host-calls: 101", "100")],
)
def test_a_node_that_asks_for_more_is_refused_or_gets_what_there_is(folder: Path, asked: str, most: str) -> None:
    key, _, value = asked.partition(": ")
    said = refusal(held(folder, f"limits: {{{asked}}}", ceiling(folder, ALL)))
    assert f"`a` has a higher `{key}` than the ceiling `ops` allows: {value}\n" in said
    assert f"= the ceiling `ops` allows {most} ({folder}/ops.yaml:9:" in said
    less = node_of(held(folder, f"limits: {{{asked}, optional: true}}", ceiling(folder, ALL))).limits
    assert less == Limits(64 << 20, timeout=60.0, host_calls=100, optional=True)


@pytest.mark.parametrize(
    ("key", "field", "asked", "own"),
    [
        ("memory", "memory", "2GiB", 1 << 30),
        ("tables", "tables", "2_000_000", 1 << 20),
        ("handles", "handles", "10_000_000", 100_000),
        ("output", "output", "1GiB", 128 << 10),
    ],
)
def test_a_ceiling_that_says_nothing_of_a_limit_allows_what_the_engine_does(
    folder: Path, key: str, field: str, asked: str, own: int
) -> None:
    silent = ceiling(folder, "limits: {timeout: 1m}")
    said = refusal(held(folder, f"limits: {{{key}: {asked}}}", silent))
    assert f"`a` has a higher `{key}` than the ceiling `ops` allows: {asked}\n" in said
    shown = limits.SHOWN[field](own)
    assert f"= the ceiling `ops` says nothing of it, and allows {shown}, as the engine does of itself\n" in said
    less = node_of(held(folder, f"limits: {{{key}: {asked}, optional: true}}", silent)).limits
    assert getattr(less, field) == own
    assert getattr(node_of(held(folder, f"limits: {{{key}: {shown}}}", silent)).limits, field) == own
    assert getattr(node_of(held(folder, "", silent)).limits, field) is None
    more = ceiling(folder, f"limits: {{{key}: {asked}}}", "more")
    assert getattr(node_of(held(folder, f"limits: {{{key}: {asked}}}", more)).limits, field) > own
    assert getattr(node_of(held(folder, "", more, silent)).limits, field) == own


def test_a_ceiling_that_says_nothing_of_time_fuel_or_calls_allows_any(folder: Path) -> None:
    found = node_of(
        held(folder, "limits: {timeout: 1h, fuel: 1_000_000_000_000, host-calls: 1_000_000}", ceiling(folder, ""))
    )
    assert (found.limits.timeout, found.limits.host_calls) == (3600.0, 1_000_000)


def run_of(folder: Path, limits: str, *beneath: Ceiling) -> Linking:
    text = f"pipeline: p\nlimits: {{{limits}}}\nnodes: {{a: {{component: step}}}}\n"
    return linking(manifest.read(text, "p.yaml", folder), operator=Operator(ceilings=beneath))


def test_a_run_has_the_limits_of_the_ceiling_too(folder: Path) -> None:
    limit = ceiling(folder, ALL)
    graph = run_of(folder, "", limit).graph
    assert graph is not None
    assert graph.limits == RunLimits(600.0, 50)
    graph = run_of(folder, "timeout: 1m, calls: 5", limit).graph
    assert graph is not None
    assert graph.limits == RunLimits(60.0, 5)
    said = [str(one) for one in run_of(folder, "timeout: 1h, calls: 51", limit).diagnostics if one.code == "ceiling"]
    assert [one.partition("\n")[0] for one in said] == [
        "error[ceiling]: the run has a higher `timeout` than the ceiling `ops` allows: 1h",
        "error[ceiling]: the run has a higher `calls` than the ceiling `ops` allows: 51",
    ]
    assert f"= the ceiling `ops` allows 10m ({folder}/ops.yaml:10:" in said[0]


# Several ceilings


def test_every_ceiling_holds(folder: Path) -> None:
    one = ceiling(
        folder, "grants: {storage: [{path: docs, access: write}], clock: wall}\nlimits: {memory: 8MiB}", "one"
    )
    two = ceiling(folder, "grants: {storage: [{path: docs/sub}], clock: fixed}\nlimits: {memory: 4MiB}", "two")
    node = node_of(
        held(folder, optional_of("storage: [{path: docs/sub, at: /s, access: write}], clock: wall"), one, two)
    )
    assert node.grants == Grants((Storage("docs/sub", "/s"),), clock="fixed", optional=True)
    assert node.limits.memory == 4 << 20
    assert [(cut.key, cut.bound.name) for cut in node.cuts] == [
        ("storage", "the ceiling `two`"),
        ("clock", "the ceiling `two`"),
    ]


# Python nodes, addresses


def test_a_ceiling_may_allow_no_python(folder: Path) -> None:
    text = "pipeline: p\nnodes: {f: {python: 'os.path:basename'}}\n"
    read = manifest.read(text, "p.yaml", folder, allow_python=True)
    limit = ceiling(folder, "python: false")
    found = linking(read, python_nodes=True, operator=Operator(ceilings=(limit,)))
    (said,) = [one for one in found.diagnostics if one.code == "ceiling"]
    assert said.message == "`f` is a Python function, and the ceiling `ops` allows none"
    assert said.causes == (f"{folder}/ops.yaml:2:9",)


def addresses(*given: str, ceilings_: tuple[str | None, ...] = ()) -> list[str]:
    beneath = tuple(
        Ceiling(f"c{at}", addresses=None if text is None else tuple(text.split())) for at, text in enumerate(ceilings_)
    )
    operator = Operator(networks=tuple(map(ipaddress.ip_network, given)), ceilings=beneath)
    assert not list(ceilings.beyond(operator))
    return [str(network) for network in ceilings.networks(operator)]


def test_private_addresses_are_those_that_every_ceiling_lists() -> None:
    assert addresses() == []
    assert addresses("10.0.0.0/8") == ["10.0.0.0/8"]
    assert addresses("10.0.0.0/8", ceilings_=(None,)) == ["10.0.0.0/8"]
    assert addresses(ceilings_=("10.0.0.0/8 ::1/128",)) == ["10.0.0.0/8", "::1/128"]
    assert addresses(ceilings_=("10.0.0.0/8", "10.1.0.0/16 127.0.0.0/8")) == ["10.1.0.0/16"]
    assert addresses(ceilings_=("10.1.0.0/16", None, "10.0.0.0/8")) == ["10.1.0.0/16"]
    assert addresses(ceilings_=("10.0.0.0/8", "")) == []
    assert addresses("10.1.0.0/16", ceilings_=("10.0.0.0/8",)) == ["10.0.0.0/8"]


def test_whoever_runs_a_pipeline_allows_no_address_beyond_the_ceiling(folder: Path) -> None:
    operator = Operator(
        networks=(ipaddress.ip_network("192.168.0.0/16"),), ceilings=(ceiling(folder, "addresses: [127.0.0.0/8]"),)
    )
    read = manifest.read("pipeline: p\nnodes: {a: {component: step}}\n", "p.yaml", folder)
    (said,) = [str(one) for one in linking(read, operator=operator).diagnostics if one.code == "ceiling"]
    assert said == (
        "error[ceiling]: `192.168.0.0/16` is allowed to requests, and the ceiling `ops` does not list it\n"
        " --> ceiling `ops`\n"
        f" = {folder}/ops.yaml:2:12\n"
        " = help: list it under `addresses` of the ceiling, or do not allow it"
    )


# Each run


def started(found: Linking, at: Path, **inputs: str) -> list[tuple[str, bool, str]]:
    node = node_of(found)
    made = prepare(node.grants, inputs, at, "a", Operator(), node.bounds, node.places)
    return [(Path(one.host).name, one.writable, one.place) for one in made.preopens]


def test_a_path_of_an_input_is_held_against_the_ceiling_in_each_run(folder: Path) -> None:
    limit = ceiling(folder, ALL)
    asked = "grants: {storage: [{path: '${inputs.folder}', at: /f, access: write}]}"
    found = held(folder, asked, limit, inputs="{folder: path}")
    assert started(found, folder, folder=str(folder / "work")) == [("work", True, "grants.storage[0]")]
    for name, path in (("private", "private"), ("private", "work/../private"), ("docs", "docs")):
        with pytest.raises(RunError) as caught:
            started(found, folder, folder=str(folder / path))
        assert caught.value.node == "a"
        assert caught.value.message.startswith(
            f"the folder granted at `/f` may not be written: {folder.resolve() / name}: the ceiling `ops` allows read `"
        )


def test_a_link_that_leads_out_later_is_refused_in_that_run(folder: Path) -> None:
    (folder / "work" / "link").symlink_to(folder / "docs")
    found = held(folder, "grants: {storage: [{path: work/link, at: /f}]}", ceiling(folder, ALL))
    assert started(found, folder) == [("docs", False, "grants.storage[0]")]
    (folder / "work" / "link").unlink()
    (folder / "work" / "link").symlink_to(folder / "private")
    with pytest.raises(RunError, match=r"the folder granted at `/f` may not be read: .*/private: the ceiling `ops`"):
        started(found, folder)


def test_what_is_optional_is_narrowed_in_that_run(folder: Path) -> None:
    asked = optional_of("storage: [{path: docs, at: /d}, {path: '${inputs.folder}', at: /f, access: write, quota: 5B}]")
    found = held(folder, asked, ceiling(folder, ALL), inputs="{folder: path}")
    docs = ("docs", False, "grants.storage[0]")
    assert started(found, folder, folder=str(folder / "work")) == [docs, ("work", True, "grants.storage[1]")]
    assert started(found, folder, folder=str(folder / "docs" / "sub")) == [docs, ("sub", False, "grants.storage[1]")]
    assert started(found, folder, folder=str(folder / "private")) == [docs]


def test_an_address_of_an_input_is_held_against_the_ceiling_in_each_run(folder: Path) -> None:
    def rules(found: Linking, kind: str) -> list[tuple[str, str]]:
        node = node_of(found)
        made = prepare(node.grants, {"kind": kind}, folder, "a", Operator(), node.bounds, node.places)
        return [(rule.text, rule.place.partition(":")[0]) for rule in made.http]

    read = manifest.read(
        "pipeline: p\ninputs: {kind: 'test:worlds/steps.mood'}\nnodes:\n"
        "  a: {component: step-all, grants: {http: [{url: 'https://api.example.com/${inputs.kind}/**'}]}}\n"
        "  b: {component: step-all, grants: {http: [{url: 'https://api.example.com/${inputs.kind}/**'}],"
        " optional: true}}\n", "p.yaml", folder,
    )  # fmt: skip
    limit = ceiling(folder, "grants: {http: [{url: 'https://api.example.com/good/v1/**'}, {url: 'https://*/good/**'},"
                            " {url: 'https://*.example.com/good/**'}]}")  # fmt: skip
    found = linking(read, operator=Operator(ceilings=(limit,)))
    assert rules(found, "good") == [("https://api.example.com/good/**", "grants.http[0]")]
    with pytest.raises(RunError) as caught:
        rules(found, "bad")
    assert caught.value.message.startswith(
        "no request may be sent as granted: GET, HEAD `https://api.example.com/bad/**`: the ceiling `ops` allows"
    )
    graph = found.graph
    assert graph is not None
    lenient = graph.nodes["b"]
    assert prepare(lenient.grants, {"kind": "bad"}, folder, "b", Operator(), lenient.bounds).http == ()


def test_a_path_of_an_input_is_refused_at_once_where_no_value_could_be_allowed(folder: Path) -> None:
    asked = "grants: {storage: [{path: '${inputs.folder}', at: /f}]}"
    nothing = held(folder, asked, ceiling(folder, "grants: {clock: wall}"), inputs="{folder: path}")
    assert "more `storage` than the ceiling `ops` allows: read `${inputs.folder}`" in refusal(nothing)


# A ceiling that is wrong


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("grants: {storage: [{path: ' '}]}", "`grants.storage[0].path` is empty", "2:27"),
        (
            "grants: {http: [{url: 'https://a.example'}]}",
            "`https://a.example` is no address that can be granted: it has no path: write `https://a.example/**` for"
            " every one",
            "2:23",
        ),
        (
            "grants: {http: [{url: '*'}]}",
            "`*` is no address that can be granted: it has no path: write `*/**` for every one",
            "2:23",
        ),
        (
            "grants: {secrets: [{name: K, to: 'https://a.example/x'}]}",
            "`https://a.example/x` has a path: the secret `K` is for a whole origin, `https://host`",
            "2:34",
        ),
        (
            "grants: {secrets: [{name: K, to: a}]}",
            "`a` is no origin: it does not begin with `http://` or `https://`",
            "2:34",
        ),
        ("limits: {memory: 1KiB}", "`memory` is 1024 bytes: no component runs in less than a page, 65536", "2:18"),
    ],
)
def test_a_ceiling_that_cannot_be_understood_is_refused_where_it_is_wrong(
    folder: Path, text: str, message: str, place: str
) -> None:
    with pytest.raises(InvalidPipeline) as caught:
        ceiling(folder, text)
    (found,) = caught.value.diagnostics
    assert found.message == message
    assert found.span is not None
    assert f"{found.span.line}:{found.span.column}" == place


@pytest.mark.parametrize(
    "made",
    [
        Ceiling("c", Allowed(storage=(("", "read"),))),
        Ceiling("c", Allowed(storage=(("a\0b", "read"),))),
        Ceiling("c", Allowed(storage=(("a", "all"),))),  # type: ignore[arg-type]
        Ceiling("c", Allowed(http=(Http("https://a.example/**", ()),))),
        Ceiling("c", Allowed(http=(Http("https://a.example/**", ("CONNECT",)),))),
        Ceiling("c", Allowed(environment=("A*B",))),
        Ceiling("c", Allowed(clock="sun")),  # type: ignore[arg-type]
        Ceiling("c", Allowed(random="dice")),  # type: ignore[arg-type]
        Ceiling("c", Allowed(stdio="loud")),  # type: ignore[arg-type]
        Ceiling("c", limits=Limits(fuel=0)),
        Ceiling("c", run=RunLimits(timeout=-1.0)),
        Ceiling("c", addresses=("local",)),
    ],
)
def test_a_ceiling_of_a_program_is_checked_as_one_of_a_file(made: Ceiling) -> None:
    (found,) = ceilings.validate(made)
    assert (found.code, found.place) == ("ceiling", "ceiling `c`")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "&a ceiling: x",
        "ceiling: ops\n" + "#" * (1 << 20),
        "ceiling: ops\ngrants: {storage: [" + "{path: a}, " * 300 + "{path: }]}\n" * 2,
        "ceiling: ops\nceiling: ops\n",
        "ceiling: \ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
        "\x00asm\x01\x00\x00\x00",
        "ceiling: ops\naddresses: [" + "10.0.0.0/8, " * 50_000 + "]\nx: 1\n",
        "ceiling: ops\ngrants: {environment: [" + "a" * 500_000 + "*b]}",
        "ceiling: ops\ngrants: {http: [{url: '" + "*." * 100_000 + "com/**'}]}",
    ],
)
def test_a_hostile_text_is_refused_as_a_whole(folder: Path, text: str) -> None:
    path = folder / "ops.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidPipeline) as caught:
        ceilings.load(path)
    assert 0 < len(caught.value.diagnostics) <= 201


@pytest.mark.parametrize("path", ["none.yaml", ".", "/dev/null"])
def test_a_ceiling_that_is_no_file_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(InvalidPipeline, match="cannot read the file"):
        ceilings.load(folder / path)
