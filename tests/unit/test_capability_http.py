"""Patterns of granted addresses: what they admit, and what they are refused for."""

from __future__ import annotations

import pytest

from orchestrator.capability.http import match, rule_of
from orchestrator.capability.patterns import meet, text_of
from orchestrator.capability.url import NotAnAddress, parse
from orchestrator.manifest.model import Http


@pytest.mark.parametrize(
    ("pattern", "admitted", "others"),
    [
        (
            "https://a.example/**",
            ["https://a.example/", "https://a.example:443/x//y?z", "https://A.EXAMPLE./"],
            ["http://a.example/", "https://a.example:444/", "https://b.a.example/", "https://a.example.evil/"],
        ),
        ("https://a.example/", ["https://a.example/", "https://a.example?x"], ["https://a.example/x"]),
        (
            "https://*.a.example/**",
            ["https://b.a.example/"],
            ["https://a.example/", "https://c.b.a.example/", "https://xa.example/"],
        ),
        ("https://*/**", ["https://intranet/"], ["https://a.example/", "https://8.8.8.8/", "https://[2606:4700::1]/"]),
        ("https://*.*.*.*/**", ["https://a.b.c.d/"], ["https://8.8.8.8/"]),
        ("http://8.8.8.8:81/**", ["http://8.8.8.8:81/x"], ["http://8.8.8.8/x", "http://8.8.4.4:81/x"]),
        ("http://[2606:4700:0::1]/**", ["http://[2606:4700::1]/"], ["http://[2606:4700::2]/"]),
        (
            "https://h/v1/*/x",
            ["https://h/v1/a/x", "https://h/v1/%2A/x"],
            ["https://h/v1//x", "https://h/v1/a/b/x", "https://h/v1/a/x/", "https://h/V1/a/x", "https://h/v1/x"],
        ),
        (
            "https://h/v1/**",
            ["https://h/v1", "https://h/v1/", "https://h/v1/a/b", "https://h/v2/../v1/x", "https://h/%76%31/x"],
            ["https://h/v1/../v2", "https://h/v1x", "https://h/"],
        ),
        ("https://h/a%7eb/\u00e9", ["https://h/a~b/%c3%a9"], ["https://h/a~b/e"]),
    ],
)
def test_a_pattern_admits_what_it_says(pattern: str, admitted: list[str], others: list[str]) -> None:
    rule = rule_of(Http(pattern, ("GET",)))
    assert [url for url in admitted if not rule.admits("GET", parse(url))] == []
    assert [url for url in others if rule.admits("GET", parse(url))] == []
    assert not any(rule.admits(method, parse(url)) for url in admitted for method in ("POST", "get", "HEAD", ""))


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("https://h", "it has no path: write `https://h/**` for every one"),
        ("h/**", "it has no path: write `h/**/**` for every one"),
        ("https://**.h/**", "its host `**.h` is no name"),
        ("https://a*.h/**", "its host `a*.h` is no name"),
        ("https://h:*/**", "its port is `*`, expected 1 to 65535"),
        ("*://h/**", "its scheme is `*`, expected `http` or `https`"),
        ("https://h/a*", "`*` stands for a whole part of the path, and `**` only at its end"),
        ("https://h/**/a", "`*` stands for a whole part of the path, and `**` only at its end"),
        ("https://h/../a", "its path has `.` or `..` in it"),
        ("https://h/a?b", "a pattern has no query and no fragment: every query is allowed"),
        ("https://h/a%2fb", "its path has a slash that is escaped: servers differ in what that means"),
        ("https://10.1/**", "its host `10.1` looks like an address and is not one of four numbers"),
    ],
)
def test_a_pattern_that_says_nothing_sure_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(NotAnAddress) as caught:
        rule_of(Http(pattern, ("GET",)))
    assert str(caught.value) == why


@pytest.mark.parametrize("method", ["CONNECT", "TRACE", "get", "", "G ET", "GET\n"])
def test_a_method_that_cannot_be_granted_is_refused(method: str) -> None:
    with pytest.raises(NotAnAddress, match="is no method that can be granted"):
        rule_of(Http("https://h/**", ("GET", method)))


def test_the_first_rule_that_admits_a_request_bounds_it() -> None:
    rules = [rule_of(Http("https://h/a/**", ("GET",))), rule_of(Http("https://h/**", ("GET", "POST")))]
    assert match(rules, "GET", parse("https://h/a/b")) is rules[0]
    assert match(rules, "POST", parse("https://h/a/b")) is rules[1]
    assert match(rules, "PUT", parse("https://h/a/b")) is None


@pytest.mark.parametrize(
    ("wide", "narrow", "covered"),
    [
        ("https://h/**", "https://h/a/*", True),
        ("https://h/a/*", "https://h/**", False),
        ("https://*.h/**", "https://a.h/**", True),
        ("https://a.h/**", "https://*.h/**", False),
        ("https://*/**", "https://8.8.8.8/**", False),
        ("https://*/**", "https://*/**", True),
        ("https://h/*/b", "https://h/a/b", True),
        ("https://h/a/b", "https://h/*/b", False),
        ("https://h/**", "http://h/**", False),
        ("https://h/*", "https://h/", False),
        ("https://h/a/**", "https://h/a", True),
    ],
)
def test_a_pattern_covers_another_where_it_admits_all_of_it(wide: str, narrow: str, covered: bool) -> None:
    assert rule_of(Http(wide, ("GET",))).covers(rule_of(Http(narrow, ("GET",)))) is covered


def test_a_star_and_an_address_have_nothing_in_common() -> None:
    star, address = (rule_of(Http(url, ("GET",))) for url in ("https://*/**", "https://8.8.8.8/**"))
    assert meet(star, address) is meet(address, star) is None
    both = meet(address, address)
    assert both is not None
    assert text_of(both) == "https://8.8.8.8/**"
