"""Addresses of the web in one form, so that what is checked is what is sent.

An address that could be read in two ways is refused. Source: RFC 3986, sections 3, 5.2.4 and 6.2.2.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from dataclasses import dataclass

from orchestrator.diagnostics import printable

PORTS = {"http": 80, "https": 443}
LONGEST = 8192
"""Characters of a whole address."""
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = _UNRESERVED | frozenset("!$&'()*+,;=:@/")
_QUERY = _PATH | frozenset("?[]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMERIC = re.compile(r"(?:0[xX][0-9a-fA-F]*|[0-9]+)")
_OTHER_SLASHES = ("%2F", "%5C")
_DOTS_AND_MORE = re.compile(r"\.{1,2}(?:;|%3B)")
_SPACES = frozenset((9, 10, 13))
"""What a query may have escaped beside what a path may: what people write has tabs and ends of lines in it."""


class NotAnAddress(ValueError):
    """A text is no address that can be checked; the message says why."""


@dataclass(frozen=True, slots=True)
class Url:
    """An address of the web, normalised.

    Arguments:
        scheme: `http` or `https`.
        host: in lower case and ASCII; an IPv6 address without its brackets.
        port: the scheme's own where none is written.
        path: absolute, without `.` and `..`.
        query: without its `?`; empty where there is none.
    """

    scheme: str
    host: str
    port: int
    path: str = "/"
    query: str = ""

    @property
    def authority(self) -> str:
        """The host and, where it is not the scheme's own, the port: as the header `Host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """The path and the query: what the first line of a request names."""
        return f"{self.path}?{self.query}" if self.query else self.path

    @property
    def shown(self) -> str:
        """The address without its query, in which secrets are put."""
        return f"{self.origin}{self.path}"

    def __str__(self) -> str:
        return f"{self.origin}{self.target}"


def parse(text: str) -> Url:
    """The address that a text is.

    Raises:
        NotAnAddress: it is none, or could be read in two ways.
    """
    scheme, mark, rest = text.partition("://")
    if not mark:
        raise NotAnAddress("it does not begin with `http://` or `https://`")
    at = min((place for place in (rest.find("/"), rest.find("?"), rest.find("#")) if place >= 0), default=len(rest))
    return of_parts(scheme, rest[:at], rest[at:])


def of_parts(scheme: str, authority: str, target: str) -> Url:
    """The address whose parts are given as HTTP has them: `https`, `example.com:8443`, `/a?b`.

    Raises:
        NotAnAddress: see `parse`.
    """
    if len(authority) + len(target) > LONGEST:
        raise NotAnAddress(f"it has more than {LONGEST} characters")
    scheme = scheme.lower()
    if scheme not in PORTS:
        raise NotAnAddress(f"its scheme is `{printable(scheme[:20])}`, expected `http` or `https`")
    if "#" in target:
        raise NotAnAddress("it has a fragment, `#`, which is not sent")
    host, port = _host_and_port(authority, PORTS[scheme])
    path, _, query = target.partition("?")
    return Url(scheme, host, port, _path(path), _escaped(query, _QUERY, "query", _SPACES))


def _host_and_port(authority: str, port: int) -> tuple[str, int]:
    if "@" in authority:
        raise NotAnAddress("it has a user name before its host")
    if authority.startswith("["):
        inside, closed, rest = authority[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise NotAnAddress("its host is no IPv6 address in brackets")
        return _ipv6(inside), _port(rest[1:], port) if rest else port
    name, colon, number = authority.partition(":")
    return host_of(name), _port(number, port) if colon else port


def _port(text: str, otherwise: int) -> int:
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise NotAnAddress(f"its port is `{printable(text[:20])}`, expected 1 to 65535")
    return int(text)


def _ipv6(text: str) -> str:
    try:
        if "%" in text:
            raise ValueError
        return ipaddress.IPv6Address(text).compressed
    except ValueError:
        raise NotAnAddress(f"`{printable(text[:60])}` is no IPv6 address") from None


def host_of(name: str) -> str:
    """A host's name in its one form: ASCII, lower case, without a dot at its end.

    Raises:
        NotAnAddress: it is none, or a number that some programs take for an address.
    """
    try:
        host = (name if name.isascii() else name.encode("idna").decode()).lower().removesuffix(".")
    except UnicodeError:
        raise NotAnAddress(f"its host `{printable(name[:60])}` is no name") from None
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotAnAddress(f"its host `{printable(name[:60])}` is no name" if host else "it has no host")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            return str(ipaddress.IPv4Address(host))
        except ValueError:
            why = f"its host `{printable(name[:60])}` looks like an address and is not one of four numbers"
            raise NotAnAddress(why) from None
    return host


def _path(path: str) -> str:
    if not path:
        return "/"
    if not path.startswith("/"):
        raise NotAnAddress("its path does not begin with `/`")
    clean = _escaped(path, _PATH, "path")
    if any(slash in clean for slash in _OTHER_SLASHES):
        raise NotAnAddress("its path has a slash that is escaped: servers differ in what that means")
    if any(_DOTS_AND_MORE.match(segment) for segment in clean.split("/")):
        raise NotAnAddress("its path has a `..` or `.` with a parameter, `;`: some servers go up there")
    try:
        urllib.parse.unquote_to_bytes(clean).decode()
    except UnicodeDecodeError:
        raise NotAnAddress("its path has escapes that are no Unicode: servers differ in what those mean") from None
    kept: list[str] = []
    segments = clean.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "/" + "/".join(kept + [""] * (segments[-1] in (".", "..") and bool(kept)))


def _escaped(text: str, allowed: frozenset[str], what: str, controls: frozenset[int] = frozenset()) -> str:
    """The text with every escape in its one form, and what needs one escaped."""
    found, at = [], 0
    while at < len(text):
        char = text[at]
        if char == "%":
            found.append(_escape(text[at + 1 : at + 3], what, controls))
            at += 3
            continue
        if char <= " " or char in "\x7f\\":
            raise NotAnAddress(f"its {what} has {char!r} in it")
        found.append(char if char in allowed else _quoted(char, what))
        at += 1
    return "".join(found)


def _escape(digits: str, what: str, controls: frozenset[int]) -> str:
    try:
        if len(digits) != 2 or not digits.isalnum() or not digits.isascii():
            raise ValueError
        code = int(digits, 16)
    except ValueError:
        raise NotAnAddress(f"its {what} has a `%` that two hexadecimal digits do not follow") from None
    if (code < 32 and code not in controls) or code == 127:
        raise NotAnAddress(f"its {what} has a control character, `%{digits.upper()}`")
    return chr(code) if chr(code) in _UNRESERVED else f"%{digits.upper()}"


def _quoted(char: str, what: str) -> str:
    try:
        return "".join(f"%{byte:02X}" for byte in char.encode())
    except UnicodeEncodeError:
        raise NotAnAddress(f"its {what} is no Unicode") from None
