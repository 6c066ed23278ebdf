"""`http`: a guest reaches the addresses that it was granted, by the methods that it was granted, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.diagnostics import Diagnostic
from orchestrator.manifest.model import Http
from tests.support.granting import faults, granted
from tests.support.link_worlds import linking, reading


def test_an_address_that_says_nothing_more_is_read_and_not_written() -> None:
    (found,) = granted("grants: {http: [{url: 'https://api.example.com/v1/**'}]}").grants.http
    assert found == Http("https://api.example.com/v1/**", methods=("GET", "HEAD"))


def test_every_key_of_an_address_arrives() -> None:
    (found,) = granted(
        "grants: {http: [{url: 'https://a.example/', methods: [POST], max-request: 1KiB, max-response: 1MiB,"
        " timeout: 5s, trace: false, optional: true}]}"
    ).grants.http
    assert found == Http("https://a.example/", ("POST",), max_request=1024, max_response=1 << 20, timeout=5.0,
                         optional=True, trace=False)  # fmt: skip


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("methods: []", "empty-value: `grants.http[0].methods` of node `a` is empty"),
        ("methods: [get]", "method: `grants.http[0].methods[0]` of node `a` must be a method in capitals"),
        ("methods: ['GET\\r\\nX: y']", "method: `grants.http[0].methods[0]` of node `a` must be a method in capitals"),
        ("max-request: 0B", "size: `grants.http[0].max-request` of node `a` is zero"),
        ("max-response: 5", "size: `grants.http[0].max-response` of node `a` must be a size"),
        ("timeout: 0s", "duration: `grants.http[0].timeout` of node `a` is zero"),
        ("trace: never", "wrong-kind: `grants.http[0].trace` of node `a` must be `true` or `false`"),
        ("redirects: true", "unknown-key: `grants.http[0]` of node `a` has no key `redirects`"),
    ],
)
def test_a_key_of_an_address_that_is_wrong_grants_nothing(key: str, fault: str) -> None:
    (found,) = faults(f"grants: {{http: [{{url: 'https://a.example/', {key}}}]}}")
    assert found.startswith(fault)


def test_a_wrong_method_is_told_once() -> None:
    """Not also that nothing is granted then."""
    text = "pipeline: p\nnodes: {a: {component: step, grants: {http: [{url: 'https://a.example/', methods: [get]}]}}}\n"
    found = linking_of(text)
    assert [one.code for one in found if one.code in ("method", "grant")] == ["method"]


def linking_of(text: str) -> tuple[Diagnostic, ...]:
    """What is found when a pipeline is read and, as far as it could be, linked."""
    read = reading(text, "p.yaml", Path())
    assert read.manifest is not None
    return (*read.diagnostics, *linking(read.manifest).diagnostics)
