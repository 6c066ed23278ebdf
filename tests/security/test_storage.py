"""`storage`: a guest reaches the folders that it was granted, as far as they were granted, and nothing else."""

from __future__ import annotations

import pytest

from orchestrator.manifest.model import Storage
from tests.support.granting import faults, granted


def test_a_folder_that_says_nothing_more_is_read_without_what_is_hidden() -> None:
    (found,) = granted("grants: {storage: [{path: data, at: /data}]}").grants.storage
    assert found == Storage("data", "/data", access="read", quota=None, files=None, hidden=False, optional=False)


def test_every_key_of_a_folder_arrives() -> None:
    (found,) = granted(
        "grants: {storage: [{path: data, at: /data, access: write, quota: 10MiB, files: 1_000, hidden: true,"
        " optional: true}]}"
    ).grants.storage
    assert found == Storage("data", "/data", "write", 10 << 20, 1000, True, True)


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("access: all", "wrong-choice: `grants.storage[0].access` of node `a` must be `read` or `write`"),
        ("quota: -1B", "size: `grants.storage[0].quota` of node `a` must be a size"),
        ("files: -1", "out-of-range: `grants.storage[0].files` of node `a` is -1"),
        ("hidden: all", "wrong-kind: `grants.storage[0].hidden` of node `a` must be `true` or `false`"),
    ],
)
def test_a_key_of_a_folder_that_is_wrong_grants_nothing(key: str, fault: str) -> None:
    (found,) = faults(f"grants: {{storage: [{{path: data, at: /data, {key}}}]}}")
    assert found.startswith(fault)
