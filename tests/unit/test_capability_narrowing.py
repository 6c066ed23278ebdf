"""Effective authority is never wider than what the pipeline asks, the component claims or a ceiling allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.capability.bounds import Bound, of_ceiling, of_claims
from orchestrator.capability.http import Rule, rule_of
from orchestrator.capability.limits import OWN, SHOWN
from orchestrator.capability.narrowing import narrow
from orchestrator.capability.patterns import meet, text_of
from orchestrator.capability.url import NotAnAddress, Url, parse
from orchestrator.manifest.model import Allowed, Ceiling, Claims, Grants, Http, Limits, Secret, Storage

# A small world, in which what is drawn often meets.

_METHODS = ["GET", "POST", "PUT"]
_LABELS = st.sampled_from(["a", "b", "*"])
_PARTS = st.sampled_from(["x", "y", "*", ""])
_HOSTS = st.lists(_LABELS, min_size=1, max_size=3).map(".".join)
_PATHS = st.builds(
    lambda parts, deep: "/".join([*parts, *(["**"] if deep else [])]), st.lists(_PARTS, max_size=3), st.booleans()
)
_URLS = st.builds(
    "{}://{}{}/{}".format, st.sampled_from(["http", "https"]), _HOSTS, st.sampled_from(["", ":8080"]), _PATHS
)
_HTTP = st.builds(
    Http, _URLS, st.lists(st.sampled_from(_METHODS), min_size=1, max_size=3, unique=True).map(tuple),
    optional=st.booleans(),
)  # fmt: skip
_FOLDERS = st.sampled_from(["/", "/s", "/s/a", "/s/a/b", "/s/b", "/s/ab", "/s/a/../b", "/t"])
_ACCESS = st.sampled_from(["read", "write"])
_STORAGE = st.builds(Storage, _FOLDERS, st.just("/at"), _ACCESS, optional=st.booleans())
_ORIGINS = st.sampled_from(["https://a.b", "http://a.b", "https://a.b:8080"])
_NAMES = st.sampled_from(["KEY", "OTHER"])
_SECRETS = st.builds(Secret, _NAMES, _ORIGINS, st.just("X: {}"), st.booleans())
_VARIABLES = st.sampled_from(["LANG", "LC_ALL", "LC_", "PATH"])
_CLOCKS = st.sampled_from(["none", "fixed", "monotonic", "wall"])
_RANDOMS = st.sampled_from(["none", "seeded", "secure"])
_STDIOS = st.sampled_from(["none", "captured", "inherit"])


def rows(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


def pair(one: Any, other: Any) -> tuple[Any, Any]:
    return one, other


_GRANTS = st.builds(
    Grants,
    rows(_STORAGE), rows(_HTTP), rows(_SECRETS), st.dictionaries(_VARIABLES, st.just("x"), max_size=3), _CLOCKS,
    st.none(), _RANDOMS, st.just(0), _STDIOS, st.booleans(),
)  # fmt: skip
_PATTERNS = rows(st.sampled_from(["LANG", "LC_*", "*", "PA*", "PATH"]))
_LIMITS = st.builds(Limits, **{key: st.none() | st.integers(1 << 16, 1 << 18) for key in SHOWN}, optional=st.booleans())
_ALLOWED = st.builds(
    Allowed, rows(st.builds(pair, _FOLDERS, _ACCESS)), rows(_HTTP), rows(st.builds(pair, _NAMES, _ORIGINS)), _PATTERNS,
    _CLOCKS, _RANDOMS, _STDIOS,
)  # fmt: skip
_CEILINGS = st.builds(Ceiling, st.just("c"), _ALLOWED, _LIMITS)
_CLAIMS = st.builds(
    Claims, st.none() | _ACCESS, rows(_URLS), rows(_NAMES), _PATTERNS, _CLOCKS, _RANDOMS, _STDIOS
)  # fmt: skip
_BOUNDS = rows(
    st.one_of(_CEILINGS.map(of_ceiling), _CLAIMS.map(lambda claims: of_claims(claims, "it")))
)  # fmt: skip

# Every question that can be asked in it.

_REQUESTS = [
    (method, parse(f"{scheme}://{host}{port}/{path}"))
    for method, scheme, host, port, path in product(
        _METHODS,
        ["http", "https"],
        ["a", "b", "a.b", "b.a", "c.a", "a.b.a"],
        ["", ":8080"],
        ["", "x", "y/", "x/y", "z", "x/z/y", "x/y/x/y"],
    )
]
_PLACES = [Path(text) for text in ("/", "/s", "/s/a", "/s/a/b", "/s/a/b/c", "/s/b", "/s/ab", "/t", "/u")]
_KNOWN = {"none": set[str](), "fixed": {"day"}, "monotonic": {"going"}, "wall": {"day", "going"}}
_RANDOM = ["none", "seeded", "secure"]
_STDIO = ["none", "captured", "inherit"]


def requests(rules: Iterator[Rule] | list[Rule]) -> set[tuple[str, Url]]:
    """The requests of that world that rules admit."""
    every = list(rules)
    return {(method, url) for method, url in _REQUESTS if any(rule.admits(method, url) for rule in every)}


def of_bound(bound: Bound) -> set[tuple[str, Url]]:
    return {
        (method, url)
        for method, url in _REQUESTS
        if any(rule.admits(next(iter(rule.methods)) if bound.any_method else method, url) for rule in bound.rules)
    }


def writes(grants: Grants) -> dict[Path, str]:
    """What may be done in each place of that world."""
    found: dict[Path, str] = {}
    for grant in grants.storage:
        for place in _PLACES:
            if place.is_relative_to(Path(grant.path).resolve()) and found.get(place) != "write":
                found[place] = grant.access
    return found


@given(_GRANTS, _LIMITS, _BOUNDS)
def test_effective_authority_is_within_all_of_them(grants: Grants, limits: Limits, bounds: tuple[Bound, ...]) -> None:
    within = narrow(grants, limits, bounds, Path("/"))
    now = within.grants

    sent = requests([rule_of(grant) for grant in now.http])
    assert sent <= requests([rule_of(grant) for grant in grants.http])
    assert all(sent <= of_bound(bound) for bound in bounds)

    done, asked = writes(now), writes(grants)
    assert all(asked.get(place) in ("write", access) for place, access in done.items())
    assert all(bound.access(place) in ("write", access) for bound in bounds for place, access in done.items())

    assert set(now.secrets) <= set(grants.secrets)
    for secret in now.secrets:
        assert all(any(name == secret.name and to in ("", secret.to) for name, to in bound.secrets) for bound in bounds)
    assert now.environment.items() <= grants.environment.items()
    assert all(bound.takes_variable(name) for bound in bounds for name in now.environment)

    assert all(_KNOWN[now.clock] <= _KNOWN[mode] for mode in (grants.clock, *(bound.clock for bound in bounds)))
    assert all(
        _RANDOM.index(now.random) <= _RANDOM.index(mode) for mode in (grants.random, *(b.random for b in bounds))
    )
    assert all(_STDIO.index(now.stdio) <= _STDIO.index(mode) for mode in (grants.stdio, *(b.stdio for b in bounds)))
    for field in SHOWN:
        stated = [getattr(one, field) for one in (limits, *(bound.limits for bound in bounds))]
        least = min((one for one in stated if one is not None), default=None)
        silent = any(bound.party == "ceiling" and getattr(bound.limits, field) is None for bound in bounds)
        if silent and least is not None and field in OWN:
            least = min(least, OWN[field])
        assert getattr(within.limits, field) == least


@given(_GRANTS, _LIMITS, _BOUNDS)
def test_what_is_allowed_is_left_alone_and_what_is_not_is_told(
    grants: Grants, limits: Limits, bounds: tuple[Bound, ...]
) -> None:
    within = narrow(grants, limits, bounds, Path("/"))
    if not within.cuts:
        assert within.grants == grants
    again = narrow(within.grants, within.limits, bounds, Path("/"))
    assert (again.grants, again.limits, again.cuts) == (within.grants, within.limits, ())
    lost = [grant for grant in grants.http if grant not in within.grants.http]
    assert len({cut.path for cut in within.cuts if cut.key == "http"}) >= len({grants.http.index(one) for one in lost})


@given(_GRANTS, _BOUNDS)
def test_every_grant_that_is_left_knows_its_number(grants: Grants, bounds: tuple[Bound, ...]) -> None:
    within = narrow(grants, Limits(), bounds, Path("/"))
    for key in ("storage", "http", "secrets"):
        left, numbers = getattr(within.grants, key), within.places[key]
        assert len(left) == len(numbers)
        for one, number in zip(left, numbers, strict=True):
            asked = getattr(grants, key)[number]
            assert getattr(one, "at", "") == getattr(asked, "at", "")
            assert one.optional == asked.optional


@given(_HTTP, _HTTP)
def test_two_patterns_meet_in_what_both_admit(one: Http, other: Http) -> None:
    ours, theirs = rule_of(one), rule_of(other)
    met = meet(ours, theirs)
    both = requests([ours]) & requests([theirs])
    assert (requests([met]) if met else set()) == both
    if met is not None:
        assert ours.covers(met)
        assert theirs.covers(met)
        again = rule_of(Http(text_of(met), tuple(sorted(met.methods))))
        assert requests([again]) == both


@given(_HTTP, _HTTP)
def test_a_pattern_that_covers_another_admits_all_of_it(one: Http, other: Http) -> None:
    ours, theirs = rule_of(one), rule_of(other)
    if ours.covers(theirs):
        assert requests([theirs]) <= requests([ours])


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("https://*.example.com/**", "https://api.example.com/v1/**", "https://api.example.com/v1/**"),
        ("https://*.example.com/v1/*", "https://api.*.com/**", "https://api.example.com/v1/*"),
        ("https://a.example/*/x", "https://a.example/y/*", "https://a.example/y/x"),
        ("https://a.example/**", "https://a.example/", "https://a.example/"),
        ("https://a.example/x/**", "https://a.example/x", "https://a.example/x"),
        ("http://[::1]:8080/**", "http://[0:0::1]:8080/a", "http://[::1]:8080/a"),
        ("http://127.0.0.1/**", "http://127.0.0.1:80/**", "http://127.0.0.1/**"),
        ("https://a.example/*", "https://a.example/", None),
        ("https://a.example/x", "https://a.example/x/", None),
        ("https://*.example/**", "https://example/**", None),
        ("https://*.*/**", "https://a.b.c/**", None),
        ("https://a.example/**", "http://a.example/**", None),
        ("https://a.example/**", "https://a.example:444/**", None),
        ("http://*.0.0.1/**", "http://127.0.0.1/**", None),
    ],
)
def test_where_patterns_meet(one: str, other: str, both: str | None) -> None:
    try:
        ours, theirs = rule_of(Http(one)), rule_of(Http(other))
    except NotAnAddress:
        assert both is None
        return
    for first, second in ((ours, theirs), (theirs, ours)):
        met = meet(first, second)
        assert (met and text_of(met)) == both
