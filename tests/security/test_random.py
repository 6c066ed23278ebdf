"""`random`: which random numbers a guest gets."""

from __future__ import annotations

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.random import Numbers
from orchestrator.errors import LimitExceeded
from tests.security.conftest import Attack

CODE = """
from wit_world.imports import insecure, insecure_seed
from wit_world.imports import random as wasi_random
result = [os.urandom(16).hex(), random.SystemRandom().random(), secrets.token_hex(8), str(uuid.uuid4()),
          wasi_random.get_random_u64(), wasi_random.get_random_bytes(9).hex(), insecure.get_insecure_random_u64(),
          insecure.get_insecure_random_bytes(7).hex(), list(insecure_seed.insecure_seed()), random.random()]
"""


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
