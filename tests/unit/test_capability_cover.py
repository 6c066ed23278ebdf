"""What covers secrets: in which forms it knows them, and wherever what passes by is cut."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse
from collections.abc import Callable

import pytest

from orchestrator.capability import secrets
from orchestrator.capability.cover import Cover
from orchestrator.capability.secrets import NotGiven, Rule
from orchestrator.manifest.model import Secret

VALUE = "s3cr3t/+= &'\"<x>"


def cover_of(*values: str) -> Cover:
    return Cover([Rule(f"S{n}", "http://h", "x", value, value) for n, value in enumerate(values)])


@pytest.mark.parametrize(
    "form",
    [
        VALUE, VALUE.upper(), VALUE.encode().hex(), VALUE.encode().hex().upper(), json.dumps(VALUE)[1:-1],
        json.dumps(VALUE)[1:-1].replace("/", "\\/"), html.escape(VALUE), html.escape(VALUE, quote=False),
        html.escape(VALUE, quote=False).replace('"', "&#34;").replace("'", "&#39;"),
        urllib.parse.quote(VALUE), urllib.parse.quote(VALUE, safe=""), urllib.parse.quote_plus(VALUE),
        urllib.parse.quote(VALUE, safe="").lower(), urllib.parse.quote(VALUE, safe="!'()*"),
        "s3cr3t/+= \\u0026\\u0027\\\"\\u003cx\\u003e".replace("+=", "\\u002b\\u003d"),
    ],
)  # fmt: skip
def test_a_secret_is_known_in_usual_forms(form: str) -> None:
    assert cover_of(VALUE).text(f"a {form} b") == "a [secret S0] b"


WRITERS: dict[str, Callable[[str], str]] = {
    "Gson": lambda text: "".join(f"\\u{ord(char):04x}" if char in "<>&'=" else char for char in text),
    ".NET": lambda text: "".join(f"\\u{ord(char):04X}" if char in "<>&'\"+" else char for char in text),
    "Go's html/template": lambda text: html.escape(text, quote=False).replace("+", "&#43;").replace("'", "&#39;"),
    "Mustache": lambda text: "".join(f"&#x{ord(char):X};" if char in "/=`" else char for char in html.escape(text)),
    "JavaScript": lambda text: "".join(f"\\x{ord(char):02x}" if not char.isalnum() else char for char in text),
    "JavaScript's code points": lambda text: "".join(f"\\u{{{ord(char):x}}}" for char in text),
    "octal": lambda text: "".join(f"\\{ord(char):03o}" for char in text),
    "names": lambda text: text.replace("&", "&amp;").replace("+", "&plus;").replace("=", "&equals;"),
    "everything by percent": lambda text: "".join(f"%{ord(char):02X}" for char in text),
    "everything by number": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "everything by number, without semicolons": lambda text: "".join(f"&#x{ord(char):04x}" for char in text),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[3:-3],
    "JSON in HTML": lambda text: html.escape(json.dumps(text)[1:-1]),
    "HTML in JSON": lambda text: json.dumps(html.escape(text))[1:-1].replace("&", "\\u0026"),
    "percent in percent": lambda text: urllib.parse.quote(urllib.parse.quote(text, safe=""), safe=""),
    "old escape()": lambda text: "".join(f"%u{ord(char):04X}" for char in text),
    "UTF-16": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "UTF-32": lambda text: text.encode("utf-32-be").decode("latin-1"),
    "a dump": lambda text: text.encode().hex(" "),
    "bytes with colons": lambda text: text.encode().hex(":").upper(),
    "bytes as C has them": lambda text: ", ".join(f"0x{byte:02X}" for byte in text.encode()),
    "bytes in lines": lambda text: "\n".join(text.encode()[at : at + 8].hex(" ") for at in range(0, len(text), 8)),
    "base64 in a mail": lambda text: base64.encodebytes(b"." * 48 + text.encode()).decode(),
    "base64 in JSON": lambda text: json.dumps(base64.encodebytes(text.encode()).decode()).replace("=", "\\u003d"),
    "base64 in a query": lambda text: urllib.parse.quote(base64.b64encode(text.encode()).decode(), safe=""),
    "base64 as Gson has it": lambda text: base64.b64encode(text.encode()).decode().replace("=", "\\u003d"),
}
"""By who writes so, how a text looks."""


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("value", [VALUE, "s3cr3t-Va/lue+42==", "%41&lt;\\u0041\\n-=+-more", "k" * 200])
def test_a_secret_is_known_as_who_writes_it_escapes_it(writer: str, value: str) -> None:
    whole = f"a {WRITERS[writer](value)} b"
    found = cover_of(value).text(whole)
    assert "[secret S0]" in found
    assert len(found) < 40 + len(WRITERS[writer]("." * 48)) * ("mail" in writer)
    assert found[0] == "a"
    assert found[-1] == "b"


@pytest.mark.parametrize("size", [1, 7, 64])
@pytest.mark.parametrize("writer", WRITERS)
def test_an_escaped_secret_is_found_wherever_it_is_cut(writer: str, size: int) -> None:
    value = "s3cr3t-Va/lue+42==and more of it"
    whole = f"a {WRITERS[writer](value)} b".encode("latin-1")
    stream = cover_of(value).stream()
    found = b"".join(stream.part(whole[at : at + size]) for at in range(0, len(whole), size)) + stream.rest()
    assert found == cover_of(value).octets(whole)
    assert b"[secret S0]" in found


@pytest.mark.parametrize(
    "text",
    [
        "\\u002",
        "&#;",
        "&#x;",
        "&nosuch;",
        "&#9999;",
        "%",
        "%2",
        "%ff%00",
        "\\",
        "\\xff",
        "\\777",
        "&#43",
        "0x",
        "\\u{}",
    ],
)
def test_what_is_no_escape_of_a_character_is_left_as_it_is(text: str) -> None:
    assert cover_of(VALUE).text(f"{text}{VALUE}{text}") == f"{text}[secret S0]{text}"
    assert cover_of(VALUE).text(text) == text


@pytest.mark.parametrize("before", ["", "B", "Be", "Bearer ", "Bearer: "])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz"])
def test_a_secret_is_known_in_the_base64_of_what_has_it_in_it(before: str, after: str) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        found = cover_of(VALUE).octets(encode(f"{before}{VALUE}{after}".encode()))
        assert b"[secret S0]" in found
        left = b"".join(found.split(b"[secret S0]"))
        assert len(left) <= len(base64.b64encode(f"{before}{after}".encode())) + 4


def test_a_name_and_a_password_are_known_by_their_base64() -> None:
    value = base64.b64encode(b"somebody:correct horse").decode()
    cover = cover_of(value)
    assert cover.text(f"{value} somebody:correct horse") == "[secret S0] [secret S0]"
    assert cover.text("wrong: correct horse!") == "wrong: [secret S0]!"
    assert cover.text("somebody") == "somebody"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_secret_is_found_wherever_it_is_cut(size: int) -> None:
    whole = f"s3cr {VALUE}{VALUE} {urllib.parse.quote(VALUE, safe='')} s3cr3t/+= &'\"<x s3cr3t".encode()
    stream = cover_of(VALUE).stream()
    found = b"".join(stream.part(whole[at : at + size]) for at in range(0, len(whole), size)) + stream.rest()
    assert found == b"s3cr [secret S0][secret S0] [secret S0] s3cr3t/+= &'\"<x s3cr3t"


@pytest.mark.parametrize("size", [1, 5, 8, 9, 50])
def test_the_longer_of_two_secrets_is_covered_where_both_begin(size: int) -> None:
    whole = b"password password-of-admin passwor"
    stream = cover_of("password", "password-of-admin").stream()
    found = b"".join(stream.part(whole[at : at + size]) for at in range(0, len(whole), size)) + stream.rest()
    assert found == b"[secret S0] [secret S1] passwor"


def test_a_secret_of_one_letter_is_found_wherever_it_is_cut() -> None:
    stream = cover_of("a" * 8).stream()
    found = b"".join(stream.part(b"a") for _ in range(20)) + stream.rest()
    assert found == b"[secret S0][secret S0]aaaa"


@pytest.mark.parametrize("form", [VALUE, VALUE.encode().hex(), urllib.parse.quote(VALUE, safe=""), "x" * len(VALUE)])
def test_what_comes_at_once_does_not_tell_how_much_of_a_secret_was_guessed(form: str) -> None:
    """Else who has a server say what it likes would find a secret out letter by letter."""
    for size in range(1, len(form)):
        right, wrong = cover_of(VALUE).stream(), cover_of(VALUE).stream()
        assert right.part(form[:size].encode()) == wrong.part(f"{form[: size - 1]}~".encode()) == b""


def test_what_ends_with_its_line_comes_at_once() -> None:
    stream = cover_of(VALUE).stream()
    for event in (b'data: {"a": 1}\n\n', b"\r\n", "caf\u00e9".encode()):
        assert stream.part(event) == event
    assert stream.part(b"no end") == b""
    assert stream.part(b" yet\n") == b"no end yet\n"


def test_a_line_that_may_go_on_in_the_next_one_waits_for_it() -> None:
    whole = base64.encodebytes(b"." * 50 + VALUE.encode())
    first, second = whole.splitlines(keepends=True)
    stream = cover_of(VALUE).stream()
    assert stream.part(b"to: me\n") == b"to: me\n"
    assert stream.part(first) == b""
    assert b"[secret S0]" in stream.part(second) + stream.part(b"\n")


def test_what_is_held_back_is_not_much_longer_than_the_longest_form() -> None:
    stream, value = cover_of("k" * 50).stream(), b"k" * 49
    assert stream.part(value) == b""
    given = sum(len(stream.part(b"k" * 10_000)) for _ in range(10))
    assert given > 0
    assert len(stream.rest()) < 2 * 1024


def test_without_secrets_everything_passes_as_it_is() -> None:
    stream, data = cover_of().stream(), bytes(range(256)) * 10
    assert stream.part(data) + stream.rest() == data
    assert cover_of().text("x") == "x"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("short", "the secret `KEY` has 5 characters: expected 8 at least"),
        ("longer\nthan a line", "the secret `KEY` has characters in it that no header can carry"),
        ("p\u00e4ssw\u00f6rd-long", "the secret `KEY` has characters in it that no header can carry"),
        (" hunter2-hunter2", "the secret `KEY` has a space at its beginning or end, which no header can carry"),
        (None, "the secret `KEY` has no value: give it with `--secret KEY`"),
    ],
)
def test_a_value_that_could_not_be_sent_or_covered_is_refused(value: str | None, why: str) -> None:
    grants = (Secret("KEY", "https://a.example", "X-Key: {}"),)
    with pytest.raises(NotGiven) as caught:
        secrets.prepare(grants, {} if value is None else {"KEY": value})
    assert str(caught.value) == why


def test_a_rule_does_not_show_its_value() -> None:
    (rule,) = secrets.prepare((Secret("KEY", "https://a.example", "X-Key: k={} "),), {"KEY": "hunter2-hunter2"})
    assert "hunter2" not in repr(rule)
    assert (rule.header, rule.text) == ("x-key", "k=hunter2-hunter2")
