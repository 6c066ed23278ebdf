"""Addresses of the web in one form; what could be read in two ways is none."""

from __future__ import annotations

import pytest

from orchestrator.capability.url import LONGEST, NotAnAddress, Url, of_parts, parse


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("https://a.example", "https://a.example/"),
        ("HTTPS://A.Example:443/", "https://a.example/"),
        ("http://a.example:80", "http://a.example/"),
        ("http://a.example:", "http://a.example/"),
        ("http://a.example:0080/", "http://a.example/"),
        ("http://a.example.:8080/x", "http://a.example:8080/x"),
        ("http://b\u00fccher.example/", "http://xn--bcher-kva.example/"),
        ("http://a\u3002example/", "http://a.example/"),
        ("http://\uff11\uff12\uff17.0.0.1/", "http://127.0.0.1/"),
        ("http://[2001:DB8:0:0::1]:81/", "http://[2001:db8::1]:81/"),
        ("http://h/a/../b/./c", "http://h/b/c"),
        ("http://h/../../x", "http://h/x"),
        ("http://h/a/b/..", "http://h/a/"),
        ("http://h/a/.", "http://h/a/"),
        ("http://h/.", "http://h/"),
        ("http://h/a//b", "http://h/a//b"),
        ("http://h/%61%2e%2E/%7e", "http://h/a../~"),
        ("http://h/a/%2E%2e/b", "http://h/b"),
        ("http://h/%c3%a9\u00e9", "http://h/%C3%A9%C3%A9"),
        ("http://h/a b".replace(" ", "%20"), "http://h/a%20b"),
        ("http://h/%252e%252e/", "http://h/%252e%252e/"),
        ("http://h/a{b}|^`<>\"", "http://h/a%7Bb%7D%7C%5E%60%3C%3E%22"),
        ("http://h/a;b=1/...;c", "http://h/a;b=1/...;c"),
        ("http://h?x=/../y?z", "http://h/?x=/../y?z"),
        ("http://h/?x=%0A%0d%09%e9", "http://h/?x=%0A%0D%09%E9"),
        ("http://h/?", "http://h/"),
    ],
)  # fmt: skip
def test_an_address_has_one_form(written: str, read: str) -> None:
    assert str(parse(written)) == read
    assert str(parse(read)) == read


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "it does not begin with `http://` or `https://`"),
        ("//a.example/", "it does not begin with `http://` or `https://`"),
        ("javascript:alert(1)", "it does not begin with `http://` or `https://`"),
        ("ftp://a.example/", "its scheme is `ftp`, expected `http` or `https`"),
        (" http://a.example/", "its scheme is ` http`, expected `http` or `https`"),
        ("http:///x", "it has no host"),
        ("http://a@b/", "it has a user name before its host"),
        ("http://a:b@c/", "it has a user name before its host"),
        ("http://a\\@b/", "it has a user name before its host"),
        ("http://a\\b/", "its host `a\\b` is no name"),
        ("http://a b/", "its host `a b` is no name"),
        ("http://a..b/", "its host `a..b` is no name"),
        ("http://-a.b/", "its host `-a.b` is no name"),
        ("http://a%2eb/", "its host `a%2eb` is no name"),
        ("http://a\r\nhost: b/", "its host `a\\r\\nhost` is no name"),
        ("http://" + "a" * 64 + "/", f"its host `{'a' * 60}` is no name"),
        ("http://\ud800/", "its host `\\ud800` is no name"),
        ("http://127.1/", "its host `127.1` looks like an address and is not one of four numbers"),
        ("http://2130706433/", "its host `2130706433` looks like an address and is not one of four numbers"),
        ("http://0x7f.1/", "its host `0x7f.1` looks like an address and is not one of four numbers"),
        ("http://017700000001/", "its host `017700000001` looks like an address and is not one of four numbers"),
        ("http://127.0.0.01/", "its host `127.0.0.01` looks like an address and is not one of four numbers"),
        ("http://127.0.0.0x1/", "its host `127.0.0.0x1` looks like an address and is not one of four numbers"),
        ("http://[::1/", "its host is no IPv6 address in brackets"),
        ("http://[::1]x/", "its host is no IPv6 address in brackets"),
        ("http://[fe80::1%25eth0]/", "`fe80::1%25eth0` is no IPv6 address"),
        ("http://h:0/", "its port is `0`, expected 1 to 65535"),
        ("http://h:65536/", "its port is `65536`, expected 1 to 65535"),
        ("http://h:80:80/", "its port is `80:80`, expected 1 to 65535"),
        ("http://h:\u0661/", "its port is `\u0661`, expected 1 to 65535"),
        ("http://h/#x", "it has a fragment, `#`, which is not sent"),
        ("http://h/ x", "its path has ' ' in it"),
        ("http://h/\n", "its path has '\\n' in it"),
        ("http://h/\\x", "its path has '\\\\' in it"),
        ("http://h/?\tx", "its query has '\\t' in it"),
        ("http://h/%", "its path has a `%` that two hexadecimal digits do not follow"),
        ("http://h/%g1", "its path has a `%` that two hexadecimal digits do not follow"),
        ("http://h/%+1", "its path has a `%` that two hexadecimal digits do not follow"),
        ("http://h/%\u0661\u0661", "its path has a `%` that two hexadecimal digits do not follow"),
        ("http://h/%00", "its path has a control character, `%00`"),
        ("http://h/%0a", "its path has a control character, `%0A`"),
        ("http://h/?%00", "its query has a control character, `%00`"),
        ("http://h/a%2Fb", "its path has a slash that is escaped: servers differ in what that means"),
        ("http://h/a%5cb", "its path has a slash that is escaped: servers differ in what that means"),
        ("http://h/a/..;/b", "its path has a `..` or `.` with a parameter, `;`: some servers go up there"),
        ("http://h/a/%2e%2E;x=1/b", "its path has a `..` or `.` with a parameter, `;`: some servers go up there"),
        ("http://h/a/..%3b/b", "its path has a `..` or `.` with a parameter, `;`: some servers go up there"),
        ("http://h/%c0%ae%c0%ae/", "its path has escapes that are no Unicode: servers differ in what those mean"),
        ("http://h/\ud800", "its path is no Unicode"),
        ("http://h/" + "x" * LONGEST, f"it has more than {LONGEST} characters"),
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(written: str, why: str) -> None:
    with pytest.raises(NotAnAddress) as caught:
        parse(written)
    assert str(caught.value) == why


def test_parts_are_read_as_the_whole_is() -> None:
    assert of_parts("https", "A.example:8443", "/a/../b?c") == Url("https", "a.example", 8443, "/b", "c")
    assert of_parts("https", "a.example", "?c") == Url("https", "a.example", 443, "/", "c")
    with pytest.raises(NotAnAddress, match="its path does not begin with `/`"):
        of_parts("https", "a.example", "*")


def test_what_is_shown_has_no_query() -> None:
    url = parse("https://a.example:444/x?key=hunter2")
    assert (url.shown, url.origin, url.authority, url.target) == (
        "https://a.example:444/x", "https://a.example:444", "a.example:444", "/x?key=hunter2",
    )  # fmt: skip
