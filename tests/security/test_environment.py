"""`environment`: a guest sees the variables that it was given, and none of the host's."""

from __future__ import annotations

import pytest

from orchestrator.capability import Authority
from tests.security.conftest import Attack


def test_the_host_s_variables_are_not_there(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    guest = attack()
    assert guest.run("from wit_world.imports import environment as e\nresult = e.get_environment()") == []
    assert guest.run("result = [dict(os.environ), sys.argv, os.getcwd()]") == [{}, [], "/"]
    assert ("environment read", "0 variables", "grants.environment", True) in guest.desk.decisions


def test_the_variables_that_were_given_are_there_and_changing_them_changes_nothing(attack: Attack) -> None:
    authority = Authority(environment=(("A", "1"), ("EMPTY", ""), ("TEXT", "ä = \U0001f600\n")))
    guest = attack(authority)
    assert guest.run("result = dict(os.environ)") == {"A": "1", "EMPTY": "", "TEXT": "ä = \U0001f600\n"}
    guest.run("os.environ['A'] = '2'; os.putenv('B', '3')")
    assert attack(authority).run("result = os.environ['A']") == "1"
