"""What covers secrets: in which forms it knows them, and wherever what passes by is cut."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse

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


def test_what_is_held_back_is_shorter_than_the_longest_form() -> None:
    stream, value = cover_of("k" * 50).stream(), b"k" * 49
    assert stream.part(value) == b""
    given = sum(len(stream.part(b"k" * 10_000)) for _ in range(10))
    assert given > 0
    assert len(stream.rest()) < 200


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
