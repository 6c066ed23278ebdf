"""However an answer is cut into parts: no secret is left in it, and nothing else is lost."""

from __future__ import annotations

import base64

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.capability.cover import Cover
from orchestrator.capability.secrets import Rule
from tests.support.fuzzing import examples

SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=20)


def rule(name: str, value: str) -> Rule:
    return Rule(name, "http://h", "x", value, value)


@given(st.data(), st.lists(SECRETS, min_size=1, max_size=3, unique=True))
@settings(max_examples=examples(300))
def test_parts_are_covered_as_the_whole_is(data: st.DataObject, values: list[str]) -> None:
    rules = [rule(f"S{n}", value) for n, value in enumerate(values)]
    pieces = st.sampled_from([v.encode() for v in values] + [base64.b64encode(v.encode()) for v in values])
    whole = b"".join(data.draw(st.lists(pieces | st.binary(max_size=6), max_size=12)))
    cover, found, at = Cover(rules).stream(), b"", 0
    while at < len(whole):
        size = data.draw(st.integers(1, 9))
        found += cover.part(whole[at : at + size])
        at += size
    found += cover.rest()
    assert found == Cover(rules).octets(whole)
    for value in values:
        assert value.encode() not in found
    plain = Cover([]).stream()
    assert plain.part(whole) + plain.rest() == whole
    if not any(value.encode() in whole for value in values) and b"[secret" not in found:
        assert found == whole


def _ways(char: str) -> list[str]:
    """How a character may be written."""
    code = ord(char)
    by_number = [f"\\u{code:04x}", f"\\u00{code:02X}", f"\\x{code:02x}", f"%{code:02X}", f"%{code:02x}", f"&#{code};"]
    escaped = [f"\\{char}"] if not char.isalnum() else []
    named = {"<": ["&lt;"], ">": ["&gt;"], "&": ["&amp;"], '"': ["&quot;"], "'": ["&apos;"], "/": ["&sol;"]}
    raw = [char] if char not in "\\%&" else []
    return [*raw, *escaped, *by_number, f"&#x{code:x};", f"&#00{code};", *named.get(char, [])]


@given(st.data(), SECRETS)
@settings(max_examples=examples(300))
def test_a_secret_is_found_in_any_mixture_of_escapes(data: st.DataObject, value: str) -> None:
    text = value if data.draw(st.booleans()) else base64.b64encode(value.encode()).decode()
    written = "".join(data.draw(st.sampled_from(_ways(char))) for char in text).encode()
    cover = Cover([rule("S", value)])
    whole = b"[ " + written + b" ]"
    assert cover.octets(whole).startswith(b"[ [secret S]")
    stream, found, at = cover.stream(), b"", 0
    while at < len(whole):
        size = data.draw(st.integers(1, 40))
        found += stream.part(whole[at : at + size])
        at += size
    assert found + stream.rest() == cover.octets(whole)
