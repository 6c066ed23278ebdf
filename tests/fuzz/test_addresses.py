"""Whatever the text: an address in one form, or an error; and patterns that admit no more than they cover."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.capability.http import rule_of
from orchestrator.capability.url import NotAnAddress, parse
from orchestrator.manifest.model import Http
from tests.support.fuzzing import examples

PIECES = [
    "http://", "https://", "//", "/", "..", ".", "%2e", "%2F", "%5c", "%00", "%41", "%zz", "@", ":", "80", "0x7f",
    "127.1", "[::1]", "[", "]", "a", "b.c", "*", "**", "?", "#", "\\", " ", "\r\n", "\t", "\0", "é", "%C3%A9", "xn--a",
    "1", "~",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=12).map("".join)
LABELS = st.sampled_from(["a", "b", "api", "example"])
PARTS = st.sampled_from(["a", "b", "v1", "x.y", "%7E"])


@given(TEXTS | TEXTS.map(lambda text: f"http://h{text}"))
@settings(max_examples=examples(400))
def test_what_is_read_is_in_one_form(text: str) -> None:
    try:
        url = parse(text)
    except NotAnAddress:
        return
    assert parse(str(url)) == url, "reading it again changes nothing"
    assert re.fullmatch(r"[!-~]+", str(url)), "nothing in it ends a line or a word"
    assert not {".", ".."} & set(url.path.split("/"))
    assert "@" not in url.authority
    assert url.host == url.host.lower()
    assert not re.search(r"%2[fF]|%5[cC]|%[01]|%7[fF]|\\", url.path)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    host = ".".join(draw(st.lists(LABELS | st.just("*"), min_size=1, max_size=3)))
    path = "/".join(draw(st.lists(PARTS | st.just("*"), max_size=3)))
    deep = draw(st.booleans())
    return f"http://{host}/{path}{'/' if path else ''}{'**' if deep else ''}"


@st.composite
def addresses(draw: st.DrawFn) -> str:
    host = ".".join(draw(st.lists(LABELS, min_size=1, max_size=3)))
    path = "/".join(draw(st.lists(PARTS | st.sampled_from(["..", ".", "", "%2e%2e"]), max_size=5)))
    return f"http://{host}/{path}"


@given(patterns(), st.data(), st.lists(addresses(), min_size=1, max_size=10))
@settings(max_examples=examples(400))
def test_a_pattern_that_covers_another_admits_all_that_it_admits(
    outer: str, data: st.DataObject, urls: list[str]
) -> None:
    narrower = "".join(data.draw(LABELS | st.just("*")) if char == "*" else char for char in outer)
    inner = data.draw(patterns() | st.just(re.sub(r"\*\*|(?<=[^./])\*|\*(?=[^./])", "a", narrower)))
    wide, narrow = (rule_of(Http(text, ("GET",))) for text in (outer, inner))
    if not wide.covers(narrow):
        return
    for url in map(parse, urls):
        assert wide.admits("GET", url) or not narrow.admits("GET", url)


@given(patterns(), addresses())
@settings(max_examples=examples(400))
def test_a_pattern_admits_only_below_its_fixed_parts(pattern: str, address: str) -> None:
    rule, url = rule_of(Http(pattern, ("GET",))), parse(address)
    if rule.admits("GET", url):
        fixed = pattern.partition("://")[2].partition("/")[2].split("*")[0].rstrip("/")
        assert url.path[1:].startswith(fixed.replace("%7E", "~"))
    assert not rule.admits("POST", url)


@given(TEXTS)
@settings(max_examples=examples(300))
def test_a_pattern_is_a_rule_or_an_error(text: str) -> None:
    try:
        rule = rule_of(Http(text, ("GET",)))
    except NotAnAddress:
        return
    assert rule.covers(rule)
