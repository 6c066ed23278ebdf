"""No bit gets across a revert by what the host keeps of a guest: handles, files, streams, numbers, clocks, requests.

The guest is a puppet: every function of WASI is called with any numbers, in any order. `CARRIED` are attacks after
which the guest holds what it held before; `HELD` are such as leave it with something else, or with a table of handles
in another order: there the revert is refused, and a fresh instance is what is left.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.capability import Authority, Preopen
from orchestrator.capability.clock import Time
from orchestrator.capability.random import Numbers
from orchestrator.engine import CannotKeep, Engine, Frame, InstanceSettings, Snapshot, put, take
from orchestrator.interface.values import Variant
from orchestrator.wasi import Session, serve
from tests.support.http_guests import ended, granting, silent
from tests.support.http_servers import Server, serving
from tests.support.puppets import Puppet, text, wasi

FS, STREAMS, RANDOM = "wasi:filesystem/types", "wasi:io/streams", "wasi:random/random"
NOW, ENDS = "wasi:clocks/monotonic-clock", "wasi:http/types"
READ = frozenset({"read"})


@dataclass(frozen=True)
class Guest:
    """A puppet that the host serves, and what it holds from before its state is taken."""

    puppet: Puppet
    held: Any = None

    def ask(self, interface: str, name: str, *values: Any) -> Any:
        """Has it call a function of the host; what stands in the `ok` of what it gets."""
        found = self.puppet.call(interface, name, *values)
        return found["ok"] if isinstance(found, dict) and "ok" in found else found

    def drop(self, resource: str, *handles: int) -> None:
        """Has it drop handles, in that order."""
        for handle in handles:
            self.puppet.drop(resource, handle)

    def root(self) -> int:
        """A new handle of the folder that it was granted."""
        ((handle, _),) = self.ask("wasi:filesystem/preopens", "get-directories")
        return int(handle)

    def open(self, root: int, path: str) -> int:
        """A new handle of a file."""
        return int(self.ask(FS, "[method]descriptor.open-at", root, frozenset(), path, frozenset(), READ))

    def next_handle(self) -> int:
        """The number that the next handle has."""
        handle = int(self.ask(NOW, "subscribe-duration", 0))
        self.drop("pollable", handle)
        return handle


Step = Callable[[Guest], Any]


@dataclass(frozen=True)
class Carrying:
    """An attack: what it leaves, how it looks for that, and what it holds from before."""

    leave: Step
    look: Step = Guest.next_handle
    before: Step = lambda _guest: None
    authority: Callable[[Path], Authority] = lambda _folder: Authority()


def storage(folder: Path) -> Authority:
    return Authority(preopens=(Preopen(str(folder), "/data", writable=False),))


def seeded(_folder: Path) -> Authority:
    return Authority(random=Numbers("seeded", 7))


def requests(_folder: Path) -> Authority:
    return granting("http://example.com/")


# What is left behind


def reads_some(guest: Guest) -> None:
    """Opens, reads, and drops all in the order opposite to that in which it got them."""
    root = guest.root()
    file = guest.open(root, "a.txt")
    stream = guest.ask(FS, "[method]descriptor.read-via-stream", file, 0)
    assert guest.ask(STREAMS, "[method]input-stream.read", stream, 3) == b"abc"
    guest.drop("input-stream", stream)
    guest.drop("descriptor", file, root)


def reads_from_held(guest: Guest) -> None:
    stream = guest.ask(FS, "[method]descriptor.read-via-stream", guest.held[1], 2)
    guest.ask(STREAMS, "[method]input-stream.read", stream, 3)
    guest.drop("input-stream", stream)


def looks_at_held(guest: Guest) -> Any:
    stream = guest.ask(FS, "[method]descriptor.read-via-stream", guest.held[1], 0)
    found = guest.ask(STREAMS, "[method]input-stream.read", stream, 2)
    guest.drop("input-stream", stream)
    return stream, found


def holds_a_file(guest: Guest) -> tuple[int, int]:
    root = guest.root()
    return root, guest.open(root, "a.txt")


def lists_half(guest: Guest) -> None:
    listing = guest.ask(FS, "[method]descriptor.read-directory", guest.held)
    guest.ask(FS, "[method]directory-entry-stream.read-directory-entry", listing)
    guest.drop("directory-entry-stream", listing)


def lists(guest: Guest) -> list[Any]:
    listing = guest.ask(FS, "[method]descriptor.read-directory", guest.held)
    found = []
    while (entry := guest.ask(FS, "[method]directory-entry-stream.read-directory-entry", listing)) is not None:
        found.append(entry["name"])
    guest.drop("directory-entry-stream", listing)
    return [listing, *found]


def numbers_of(*paths: str) -> Step:
    """Asks for the numbers by which files are told apart, in an order."""
    return lambda guest: [
        guest.ask(FS, "[method]descriptor.metadata-hash-at", guest.held, frozenset(), path) for path in paths
    ]


def draws(count: int) -> Step:
    return lambda guest: [guest.ask(RANDOM, "get-random-u64") for _ in range(count)]


def sleeps(guest: Guest) -> None:
    pollable = guest.ask(NOW, "subscribe-duration", 5_000_000)
    guest.ask("wasi:io/poll", "[method]pollable.block", pollable)
    guest.drop("pollable", pollable)


def may_write(guest: Guest) -> None:
    guest.ask(STREAMS, "[method]output-stream.check-write", guest.held)


def writes(guest: Guest) -> str:
    """Whether it may write without having asked; it ends where it may not."""
    guest.ask(STREAMS, "[method]output-stream.write", guest.held, b"x")
    return "it may"


def asks_for_fields(guest: Guest) -> None:
    fields = guest.ask(ENDS, "[constructor]fields")
    guest.ask(ENDS, "[method]fields.append", fields, "x-large", b"y" * 60_000)
    guest.drop("fields", fields)


def asks_in_vain(guest: Guest) -> None:
    """Begins a request that goes nowhere, and drops what comes of it."""
    request = guest.ask(ENDS, "[constructor]outgoing-request", guest.ask(ENDS, "[constructor]fields"))
    guest.ask(ENDS, "[method]outgoing-request.set-authority", request, "127.0.0.1:1")
    guest.puppet.call("wasi:http/outgoing-handler", "handle", request, None)


CARRIED = {
    "files opened and dropped": Carrying(reads_some, authority=storage),
    "the place in a file": Carrying(reads_from_held, looks_at_held, holds_a_file, storage),
    "a listing read half": Carrying(lists_half, lists, Guest.root, storage),
    "the order in which files were seen": Carrying(
        numbers_of("b.txt", "a.txt"), numbers_of("a.txt", "b.txt"), Guest.root, storage
    ),
    "how many files were seen": Carrying(numbers_of("b.txt"), numbers_of("a.txt"), Guest.root, storage),
    "a constant stream of numbers": Carrying(draws(3), draws(2)),
    "a seeded stream of numbers": Carrying(draws(1), draws(2), authority=seeded),
    "a stream of numbers, by bytes": Carrying(
        lambda guest: guest.ask(RANDOM, "get-random-bytes", 3), lambda guest: guest.ask(RANDOM, "get-random-bytes", 8)
    ),
    "numbers that are drawn another way": Carrying(
        lambda guest: guest.ask("wasi:random/insecure", "get-insecure-random-u64"), draws(1)
    ),
    "a seed that stays": Carrying(
        lambda guest: guest.ask("wasi:random/insecure-seed", "insecure-seed"),
        lambda guest: guest.ask("wasi:random/insecure-seed", "insecure-seed"),
        before=lambda guest: None,
    ),
    "a seed that is drawn after others": Carrying(
        draws(1), lambda guest: guest.ask("wasi:random/insecure-seed", "insecure-seed")
    ),
    "a virtual clock": Carrying(sleeps, lambda guest: guest.ask(NOW, "now")),
    "a virtual clock, by the wall": Carrying(sleeps, lambda guest: guest.ask("wasi:clocks/wall-clock", "now")),
    "a fixed clock, as it runs": Carrying(
        sleeps, lambda guest: guest.ask(NOW, "now"), authority=lambda _folder: Authority(clock=Time("fixed", 5.0))
    ),
    "what may be written": Carrying(may_write, writes, lambda guest: guest.ask("wasi:cli/stdout", "get-stdout")),
    "headers that are dropped": Carrying(asks_for_fields, authority=requests),
    "a request that is refused": Carrying(asks_in_vain, authority=requests),
}
NO_TRACE = {"files opened and dropped", "the place in a file", "a listing read half", "a seed that stays"} | {
    "headers that are dropped",
    "a request that is refused",
}
"""Those that leave nothing even without a revert: the host keeps nothing that they could look at."""


def keeps(guest: Guest) -> None:
    guest.ask(NOW, "subscribe-duration", 0)


def drops_in_order(guest: Guest) -> None:
    first, second = (guest.ask(NOW, "subscribe-duration", 0) for _ in range(2))
    guest.drop("pollable", first, second)


def changes_held(guest: Guest) -> None:
    guest.drop("pollable", guest.ask(NOW, "subscribe-duration", 0))
    guest.drop("descriptor", guest.held)
    guest.ask("wasi:cli/stdout", "get-stdout")


HELD = {
    "a handle that is kept": Carrying(keeps),
    "handles dropped in the order in which they came": Carrying(drops_in_order),
    "a handle dropped that was held": Carrying(
        lambda guest: guest.drop("descriptor", guest.held), before=Guest.root, authority=storage
    ),
    "another behind the number of one that was held": Carrying(
        changes_held, lambda guest: guest.ask(FS, "[method]descriptor.get-type", guest.held), Guest.root, storage
    ),
    "two handles that are given away in the order in which they came": Carrying(
        lambda guest: [
            guest.ask(ENDS, "[constructor]outgoing-request", fields)
            for fields in [guest.ask(ENDS, "[constructor]fields") for _ in range(2)]
        ],
        authority=requests,
    ),
    "a stream of a file": Carrying(
        lambda guest: guest.ask(FS, "[method]descriptor.read-via-stream", guest.held[1], 0),
        before=holds_a_file,
        authority=storage,
    ),
}
NOT_TAKEN = {
    "a place in time": lambda guest: guest.ask(NOW, "subscribe-duration", 5),
    "headers": lambda guest: guest.ask(ENDS, "[constructor]fields"),
    "a stream of a file": lambda guest: guest.ask(FS, "[method]descriptor.read-via-stream", holds_a_file(guest)[1], 0),
    "a listing": lambda guest: guest.ask(FS, "[method]descriptor.read-directory", guest.root()),
}


def begins(port: int) -> Step:
    """Begins a request to a server on loopback; the handle of what will come of it."""

    def begin(guest: Guest) -> int:
        request = guest.ask(ENDS, "[constructor]outgoing-request", guest.ask(ENDS, "[constructor]fields"))
        guest.ask(ENDS, "[method]outgoing-request.set-scheme", request, Variant("HTTP"))
        guest.ask(ENDS, "[method]outgoing-request.set-authority", request, f"127.0.0.1:{port}")
        guest.ask(ENDS, "[method]outgoing-request.set-path-with-query", request, "/")
        return int(guest.ask("wasi:http/outgoing-handler", "handle", request, None))

    return begin


class Puppets:
    """Makes guests, each in an instance of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.interfaces, self.folder = wasi(), folder
        loaded = engine.from_text(text(self.interfaces, by_table=True), "puppet")
        self.component = engine.variant(loaded, "auto", kept=True)
        assert self.component.way.name == "instrumented"
        self._linker = engine.linker(self.component)
        for item in self.interfaces:
            serve(self._linker, item)

    @contextmanager
    def guest(self, attack: Carrying) -> Iterator[Guest]:
        """One that holds what the attack begins with."""
        host = Session(attack.authority(self.folder))
        instance = self._linker.instantiate(Frame(), InstanceSettings(host=host, handles=1000))
        try:
            puppet = Puppet(instance, self.interfaces)
            yield Guest(puppet, attack.before(Guest(puppet)))
        finally:
            instance.close()

    def close(self) -> None:
        self._linker.close()


@pytest.fixture
def puppets(engine: Engine, tmp_path: Path) -> Iterator[Puppets]:
    (tmp_path / "a.txt").write_bytes(b"abcdef")
    (tmp_path / "b.txt").write_bytes(b"b")
    made = Puppets(engine, tmp_path)
    yield made
    made.close()


def taken(guest: Guest, before: Snapshot | None = None) -> Snapshot:
    with guest.puppet.instance.entered(Frame()):
        return take(guest.puppet.instance, before)


def back(guest: Guest, state: Snapshot) -> None:
    with guest.puppet.instance.entered(Frame()):
        put(guest.puppet.instance, state)


def looked(guest: Guest, attack: Carrying) -> Any:
    """What it finds; how it ends where that ends it."""
    try:
        return attack.look(guest)
    except Exception as ended:
        return str(ended)


def once(puppets: Puppets, attack: Carrying, *, leaves: bool, reverted: bool) -> Any:
    """What a guest finds, in an instance of its own, after it left something and was taken back, or not."""
    with puppets.guest(attack) as guest:
        state = taken(guest)
        if leaves:
            attack.leave(guest)
        if reverted:
            back(guest, state)
        return looked(guest, attack)


@pytest.mark.parametrize("name", CARRIED)
def test_nothing_is_left_on_the_side_of_the_host(puppets: Puppets, name: str) -> None:
    attack = CARRIED[name]
    assert once(puppets, attack, leaves=True, reverted=True) == once(puppets, attack, leaves=False, reverted=False)


@pytest.mark.parametrize("name", CARRIED)
def test_it_is_an_attack(puppets: Puppets, name: str) -> None:
    attack = CARRIED[name]
    clean = once(puppets, attack, leaves=False, reverted=False)
    assert (once(puppets, attack, leaves=True, reverted=False) == clean) == (name in NO_TRACE)


@pytest.mark.parametrize("name", sorted(CARRIED.keys() - {"what may be written"}))
def test_states_that_are_taken_on_the_way_are_each_what_they_were(puppets: Puppets, name: str) -> None:
    attack = CARRIED[name]
    with puppets.guest(attack) as guest:
        states, found = [taken(guest)], list[Any]()
        for _ in range(2):
            attack.leave(guest)
            states.append(taken(guest, states[-1]))
        for state in states:
            back(guest, state)
            found.append(looked(guest, attack))
        for place in (1, 0, 2, 0, 1, 2):
            back(guest, states[place])
            assert looked(guest, attack) == found[place]


@pytest.mark.parametrize("name", HELD)
def test_a_guest_that_holds_something_else_is_not_taken_back(puppets: Puppets, name: str) -> None:
    attack = HELD[name]
    with puppets.guest(attack) as guest:
        state = taken(guest)
        attack.leave(guest)
        with pytest.raises(CannotKeep):
            back(guest, state)
        assert not guest.puppet.instance.gone
    clean = once(puppets, attack, leaves=False, reverted=False)
    assert once(puppets, attack, leaves=True, reverted=False) != clean


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_no_state_is_taken_of_what_the_host_cannot_bring_back(puppets: Puppets, name: str) -> None:
    refused = pytest.raises(CannotKeep, match="the guest holds a ")
    with puppets.guest(Carrying(keeps, before=NOT_TAKEN[name], authority=storage)) as guest, refused:
        taken(guest)


def test_a_state_with_handles_is_of_its_own_instance_alone(puppets: Puppets) -> None:
    attack = Carrying(keeps, before=Guest.root, authority=storage)
    with puppets.guest(attack) as one, puppets.guest(attack) as other:
        state = taken(one)
        assert not state.portable
        with pytest.raises(CannotKeep, match="does not hold what it held"):
            back(other, state)
        back(one, state)


def test_a_state_of_nothing_held_is_any_instances(puppets: Puppets) -> None:
    attack = CARRIED["the order in which files were seen"]
    seen = Carrying(attack.leave, attack.look, lambda guest: None, storage)
    with puppets.guest(seen) as one, puppets.guest(seen) as other:
        root = one.root()
        expected = numbers_of("b.txt", "a.txt")(Guest(one.puppet, root))
        one.drop("descriptor", root)
        state = taken(one)
        assert state.portable
        back(other, state)
        root = other.root()
        assert numbers_of("b.txt", "a.txt")(Guest(other.puppet, root)) == expected
        assert numbers_of("a.txt")(Guest(other.puppet, root)) == expected[1:]


@pytest.fixture
def server() -> Iterator[Server]:
    """One that answers nothing."""
    done = threading.Event()
    with serving(silent(done)) as made:
        yield made
        done.set()


def test_a_request_that_goes_on_ends_and_counts_against_nobody(puppets: Puppets, server: Server) -> None:
    attack = Carrying(begins(server.port), authority=lambda _folder: granting(f"{server.url}/"))
    with puppets.guest(attack) as guest:
        first = guest.next_handle()
        state = taken(guest)
        for _ in range(3):
            guest.drop("future-incoming-response", attack.leave(guest))
            back(guest, state)
            session = guest.puppet.instance.host
            assert isinstance(session, Session)
            assert (session.line.is_idle, session.keeper.size) == (True, 0)
            assert guest.next_handle() == first
    assert ended()


def test_no_state_is_taken_while_a_request_goes_on(puppets: Puppets, server: Server) -> None:
    attack = Carrying(begins(server.port), authority=lambda _folder: granting(f"{server.url}/"))
    with puppets.guest(attack) as guest:
        state = taken(guest)
        future = attack.leave(guest)
        with pytest.raises(CannotKeep, match=r"^the guest holds a future$"):
            taken(guest)
        with pytest.raises(CannotKeep, match="the guest does not hold what it held then"):
            back(guest, state)
        guest.drop("future-incoming-response", future)
        assert ended()
        taken(guest)
