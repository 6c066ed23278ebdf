"""`random`: which random numbers a guest gets."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import Grants, Pipeline, Snapshots, WarmUp
from orchestrator.capability import Authority
from orchestrator.capability.random import Numbers
from orchestrator.engine import Engine
from orchestrator.errors import LimitExceeded
from tests.security.conftest import Attack

CODE = """
from wit_world.imports import insecure, insecure_seed
from wit_world.imports import random as wasi_random
result = [os.urandom(16).hex(), random.SystemRandom().random(), secrets.token_hex(8), str(uuid.uuid4()),
          wasi_random.get_random_u64(), wasi_random.get_random_bytes(9).hex(), insecure.get_insecure_random_u64(),
          insecure.get_insecure_random_bytes(7).hex(), list(insecure_seed.insecure_seed()), random.random()]
"""

KEEPS = """(component
  (import "wasi:random/random@0.2.0" (instance $random (export "get-random-u64" (func (result u64)))))
  (core func $draw (canon lower (func $random "get-random-u64")))
  (core module $m
    (import "" "draw" (func $draw (result i64)))
    (global $key (mut i64) (i64.const 0))
    (func (export "renew") (global.set $key (call $draw)))
    (func (export "key") (param i32) (result i64) (global.get $key)))
  (core instance $i (instantiate $m (with "" (instance (export "draw" (func $draw))))))
  (func $renew (canon lift (core func $i "renew")))
  (export "warm" (func $renew))
  (func (export "key") (param "n" u32) (result u64) (canon lift (core func $i "key")))
  {})"""
"""Draws a key in `warm` and gives it in `key`."""
ANEW = """(instance $again (export "reseed" (func $renew)))
  (export "agent:code/reseed@0.1.0" (instance $again))"""
"""Has it draw the key again as the interface asks for."""


@pytest.mark.parametrize("export", ["", ANEW], ids=["without reseed", "with it"])
@pytest.mark.parametrize("life", [{"lifetime": "call"}, {"lifetime": "run"}, {"revert_after": "run"}])
def test_a_key_drawn_in_a_warm_up_is_no_other_instance_s(
    hostile_engine: Engine, export: str, life: dict[str, Any]
) -> None:
    keeps = hostile_engine.from_text(KEEPS.format(export), "keeps")
    warm, grants = Snapshots(WarmUp("warm", {})), Grants(random="secure")
    pipeline = (
        Pipeline("keys").input("n", "u32")
        .node("it", keeps, run="key", grants=grants, snapshot=warm, **life)
        .data("inputs.n", "it").output("key", "it")
    )  # fmt: skip
    with pipeline.link(hostile_engine) as linked:
        keys = {linked.run(n=1).outputs["key"] for _ in range(4)}
    assert len(keys) == 4
    assert 0 not in keys


def _numbers(mode: str, seed: int = 0) -> Authority:
    return Authority(random=Numbers(mode, seed))  # type: ignore[arg-type]


def test_without_a_grant_every_guest_gets_the_same_numbers(attack: Attack) -> None:
    first = attack().run(CODE)
    assert first == attack().run(CODE)
    assert len(set(map(str, first))) == len(first), "a stream of numbers, not one number"


def test_seeded_numbers_repeat_with_their_seed(attack: Attack) -> None:
    one, again, other = (attack(_numbers("seeded", seed)).run(CODE) for seed in (1, 1, 2))
    assert one == again
    assert not set(map(str, one)) & set(map(str, other))
    assert one != attack().run(CODE)


def test_an_instance_has_one_seed(attack: Attack) -> None:
    code = (
        "from wit_world.imports import insecure_seed as s\nresult = [list(s.insecure_seed()), list(s.insecure_seed())]"
    )
    one, again = attack(_numbers("secure")).run(code)
    assert one == again != attack(_numbers("secure")).run(code)[0]


def test_secure_numbers_do_not_repeat(attack: Attack) -> None:
    one, other = (attack(_numbers("secure")).run(CODE) for _ in range(2))
    assert not set(map(str, one)) & set(map(str, other))


def test_asking_for_more_numbers_than_there_is_room_ends_the_guest_alone(attack: Attack) -> None:
    code = "from wit_world.imports import random as r\nr.get_random_bytes(2**64 - 1)"
    with pytest.raises(LimitExceeded) as caught:
        attack(_numbers("secure")).run(code)
    assert caught.value.message == (
        "the guest asked for 18446744073709551615 random bytes at once; 67108864 are allowed"
    )
    assert attack(_numbers("secure")).run("result = len(os.urandom(100_000))") == 100_000


def test_random_numbers_that_were_given_are_an_event(attack: Attack) -> None:
    guest = attack(_numbers("seeded"))
    guest.run("from wit_world.imports import random as r\nr.get_random_bytes(5)")
    assert guest.desk.decisions[-1] == ("random read", "5 bytes", "grants.random: seeded", True)
