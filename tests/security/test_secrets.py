"""`secrets`: the host adds them to requests; a guest never sees one."""

from __future__ import annotations

import pytest

from orchestrator.manifest.model import Secret
from tests.support.granting import faults, granted


def test_every_key_of_a_secret_arrives() -> None:
    (found,) = granted(
        "grants: {secrets: [{name: API_KEY, to: 'https://a.example', header: 'Authorization: Bearer {}',"
        " optional: true}]}"
    ).grants.secrets
    assert found == Secret("API_KEY", "https://a.example", "Authorization: Bearer {}", optional=True)


@pytest.mark.parametrize("lacking", ["name", "to", "header"])
def test_a_secret_says_its_name_where_it_goes_and_how(lacking: str) -> None:
    keys = {"name": "API_KEY", "to": "https://a.example", "header": "X-Key {}"}
    keys.pop(lacking)
    written = ", ".join(f"{key}: '{value}'" for key, value in keys.items())
    (found,) = faults(f"grants: {{secrets: [{{{written}}}]}}")
    assert found == f"missing-key: `grants.secrets[0]` of node `a` lacks `{lacking}`"


def test_a_pipeline_does_not_hold_the_value() -> None:
    (found,) = faults("grants: {secrets: [{name: API_KEY, to: 'https://a.example', header: 'X: {}', value: hunter2}]}")
    assert found == "unknown-key: `grants.secrets[0]` of node `a` has no key `value`"


@pytest.mark.parametrize("name", ["API KEY", "1KEY", "API.KEY", "API_KEY\\n", "K" * 200])
def test_the_name_of_a_secret_is_one_that_a_command_line_can_give(name: str) -> None:
    (found,) = faults(f'grants: {{secrets: [{{name: "{name}", to: "https://a.example", header: "X: {{}}"}}]}}')
    assert found.partition(":")[0] in ("secret-name", "too-long")
