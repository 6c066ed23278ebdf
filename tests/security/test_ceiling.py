"""The ceiling: no pipeline gets past what the operator allows; what it can live without it says by `optional`."""

from __future__ import annotations

from orchestrator.manifest.model import Http, Secret, Storage
from tests.support.granting import faults, granted


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


def test_optional_is_a_plain_yes_or_no() -> None:
    assert faults("grants: {optional: some}") == [
        "wrong-kind: `grants.optional` of node `a` must be `true` or `false`, not the text `some`"
    ]
