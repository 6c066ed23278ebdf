"""Functions that the host serves, called by a guest of every kind: by C values, through its shim, by its lanes."""

from __future__ import annotations

import gc
import itertools
import math
import re
import resource as process
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wasmtime import wat2wasm

from orchestrator.engine import Engine, Frame, InstanceSettings, Refused, _lane_sites, _lay
from orchestrator.engine._sections import Reader
from orchestrator.engine.frame import Stop
from orchestrator.engine.fused import Link
from orchestrator.engine.instance import Instance
from orchestrator.errors import Cancelled, ComponentError, LimitExceeded, RunError, Trapped
from orchestrator.interface import types as t
from orchestrator.interface.values import Variant
from orchestrator.manifest.model import Bulk
from orchestrator.wasi import Session
from tests.support.hosted import NOTHING, hosted
from tests.support.puppets import ARGUMENTS, LIAR, Puppet, Thing, plain, puppet, swapped, text, wasi
from tests.support.strategies import same, values
from tests.support.wasi_guests import CLI
from tests.support.wat import MEMORY

INTERFACES = wasi()
FUNCTIONS = [(item.name.base, function) for item in INTERFACES for function in item.functions]
STREAMS, TYPES, HTTP = "wasi:io/streams", "wasi:filesystem/types", "wasi:http/types"
READ, WRITE = "[method]input-stream.read", "[method]output-stream.write"
WAYS: dict[str, tuple[Bulk, bool]] = {"values": ("never", False), "shim": ("auto", False), "lanes": ("auto", True)}
"""By name: `bulk`, and whether the guest calls through a table, without which it has no lanes."""


def _one(thing: Thing) -> Any:
    return thing


def _fails(thing: Thing) -> Any:
    raise Refused(Variant("last-operation-failed", thing))


SOURCES: dict[str, tuple[str, str, tuple[Any, ...], Callable[[Thing], Any]]] = {
    "pollable": ("wasi:clocks/monotonic-clock", "subscribe-duration", (5,), _one),
    "input-stream": ("wasi:cli/stdin", "get-stdin", (), _one),
    "output-stream": ("wasi:cli/stdout", "get-stdout", (), _one),
    "error": (STREAMS, "[method]output-stream.flush", ("output-stream",), _fails),
    "terminal-input": ("wasi:cli/terminal-stdin", "get-terminal-stdin", (), _one),
    "terminal-output": ("wasi:cli/terminal-stdout", "get-terminal-stdout", (), _one),
    "descriptor": ("wasi:filesystem/preopens", "get-directories", (), lambda thing: [(thing, "/ä")]),
    "directory-entry-stream": (TYPES, "[method]descriptor.read-directory", ("descriptor",), _one),
    "network": ("wasi:sockets/instance-network", "instance-network", (), _one),
    "tcp-socket": ("wasi:sockets/tcp-create-socket", "create-tcp-socket", ("ipv4",), _one),
    "udp-socket": ("wasi:sockets/udp-create-socket", "create-udp-socket", ("ipv6",), _one),
    "incoming-datagram-stream": (
        "wasi:sockets/udp", "[method]udp-socket.stream", ("udp-socket", None), lambda thing: (thing, Thing())
    ),
    "outgoing-datagram-stream": (
        "wasi:sockets/udp", "[method]udp-socket.stream", ("udp-socket", None), lambda thing: (Thing(), thing)
    ),
    "resolve-address-stream": ("wasi:sockets/ip-name-lookup", "resolve-addresses", ("network", "a.b"), _one),
    "fields": (HTTP, "[constructor]fields", (), _one),
    "outgoing-request": (HTTP, "[constructor]outgoing-request", ("fields",), _one),
    "request-options": (HTTP, "[constructor]request-options", (), _one),
    "outgoing-response": (HTTP, "[constructor]outgoing-response", ("fields",), _one),
    "outgoing-body": (HTTP, "[method]outgoing-request.body", ("outgoing-request",), _one),
    "future-incoming-response": ("wasi:http/outgoing-handler", "handle", ("outgoing-request", None), _one),
    "incoming-response": (
        HTTP, "[method]future-incoming-response.get", ("future-incoming-response",), lambda thing: {"ok": {"ok": thing}}
    ),
    "incoming-body": (HTTP, "[method]incoming-response.consume", ("incoming-response",), _one),
    "future-trailers": (HTTP, "[static]incoming-body.finish", ("incoming-body",), _one),
}  # fmt: skip
"""How a guest gets a handle of a resource: the function, its arguments, where the name of a resource is a handle of
one, and what it gives."""
HANDLES = {name for item in INTERFACES for d in item.types if isinstance(d.type, t.Resource) for name in [d.name]}
UNKNOWN = {"incoming-request", "response-outparam"}
"""Resources that only a server of HTTP is given."""


@dataclass
class Player:
    """A puppet, and what its handles stand for."""

    puppet: Puppet
    things: dict[int, Thing] = field(default_factory=dict)

    def obtain(self, name: str) -> int:
        """A handle of a resource."""
        interface, function, arguments, give = SOURCES[name]
        thing = Thing()
        given_ = [self.obtain(a) if isinstance(a, str) and a in HANDLES else a for a in arguments]
        self.puppet.answers[interface, function] = lambda *_: give(thing)
        result = self.puppet.call(interface, function, *given_)
        handle = _handle_in(self.puppet.function(interface, function).result, result, name)
        self.things[handle] = thing
        return handle


def _handle_in(type_: t.Type | None, value: Any, name: str) -> int:
    found: list[int] = []
    swapped(type_, value, lambda leaf, number: found.append(number) if leaf.resource.name == name else None)
    return found[-1]


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(tmp_path_factory.mktemp("cache")) as made:
        yield made


@pytest.fixture
def play(engine: Engine, way: str) -> Iterator[Puppet]:
    bulk, by_table = WAYS[way]
    with puppet(engine, INTERFACES, bulk, by_table=by_table) as made:
        yield made


@pytest.fixture(scope="module")
def player(engine: Engine, way: str) -> Iterator[Player]:
    bulk, by_table = WAYS[way]
    with puppet(engine, INTERFACES, bulk, by_table=by_table) as made:
        yield Player(made)


def _reachable(function: t.Function) -> bool:
    names = {handle.resource.name for field_ in function.params for handle in _handles(field_.type)}
    return not names & UNKNOWN


def _handles(type_: t.Type) -> list[t.Own | t.Borrow]:
    return [part for part in t.walk(type_) if isinstance(part, t.Own | t.Borrow)]


@pytest.mark.parametrize(
    ("interface", "function"),
    [pytest.param(i, f, id=f"{i}#{f.name}") for i, f in FUNCTIONS if _reachable(f) and i != "wasi:cli/exit"],
)
def test_every_function_of_wasi_gets_and_gives_its_values(player: Player, interface: str, function: t.Function) -> None:
    """Values of its types, with handles of the guest's own in both directions."""
    made = player.puppet
    wanted = t.Tuple(tuple(field_.type for field_ in function.params)) if function.params else None

    @settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(data=st.data())
    def cross(data: st.DataObject) -> None:
        sent = () if wanted is None else data.draw(values(plain(wanted)))
        sent = swapped(wanted, sent, lambda leaf, _: player.obtain(leaf.resource.name))
        expected = swapped(wanted, sent, lambda _, handle: player.things[handle])
        result = None if function.result is None else data.draw(values(plain(function.result)))
        result = swapped(function.result, result, lambda *_: Thing())
        seen: list[Any] = []

        def answer(*arguments: Any) -> Any:
            seen.append(arguments)
            if isinstance(function.result, t.Result):
                if "err" in result:
                    raise Refused(result["err"])
                return result["ok"]
            return result

        made.answers[interface, function.name] = answer
        got = made.call(interface, function.name, *sent)
        assert _same(wanted, seen[0], expected)
        if function.result is not None:
            given_back = swapped(function.result, result, lambda *_: 0)
            assert same(plain(function.result), swapped(function.result, got, lambda *_: 0), given_back)
            _drop_all(made, function.result, got, result)

    cross()


def _same(type_: t.Tuple | None, left: Any, right: Any) -> bool:
    """Whether values are the same, and the resources in them the very same."""
    if type_ is None:
        return tuple(left) == ()
    mine, theirs = list[Any](), list[Any]()
    swapped(type_, left, lambda _, one: mine.append(one))
    swapped(type_, right, lambda _, one: theirs.append(one))
    bare = [swapped(type_, value, lambda *_: 0) for value in (left, right)]
    return same(plain(type_), *bare) and all(a is b for a, b in zip(mine, theirs, strict=True))


def _drop_all(made: Puppet, type_: t.Type, got: Any, result: Any) -> None:
    """Has the guest drop the handles it was given: each is that of its own resource."""
    things: list[Thing] = []
    swapped(type_, result, lambda _, thing: things.append(thing))
    swapped(type_, got, lambda leaf, handle: made.drop(leaf.resource.name, handle))
    assert [thing.dropped for thing in things] == [1] * len(things)


# Bytes


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 1025, 70_000, 3_000_001])
def test_bytes_of_every_size_are_read_and_written(play: Puppet, size: int) -> None:
    data, player = bytes(range(256)) * (size // 256) + bytes(size % 256), Player(play)
    stream, sink = player.obtain("input-stream"), player.obtain("output-stream")
    taken: list[bytes] = []
    play.answers[STREAMS, READ] = lambda _stream, count: data[:count]
    play.answers[STREAMS, WRITE] = lambda _stream, content: taken.append(content)
    assert play.call(STREAMS, READ, stream, 1 << 40) == {"ok": data}
    most = min(size, (4 << 20) - ARGUMENTS - 64)
    if play.instance.linker.component.variant.bulk == "never" and size > 3_000_000:
        with pytest.raises(LimitExceeded, match=r"^the values of one call are too large to cross one by one; "):
            play.call(STREAMS, WRITE, sink, data[:most])
        return
    assert play.call(STREAMS, WRITE, sink, data[:most]) == {"ok": None}
    assert taken == [data[:most]]
    assert type(taken[0]) is bytes


def test_a_read_gives_less_or_nothing_and_more_than_bytes(play: Puppet) -> None:
    player = Player(play)
    file = player.obtain("descriptor")
    for given_, asked in ((b"", 5), (b"", 5000), (b"some", 5000), (b"x" * 5000, 5000)):
        play.answers[TYPES, "[method]descriptor.read"] = lambda _file, _size, at, data=given_: (data, at == 7)
        assert play.call(TYPES, "[method]descriptor.read", file, asked, 7) == {"ok": (given_, True)}
        assert play.call(TYPES, "[method]descriptor.read", file, asked, 8) == {"ok": (given_, False)}


@pytest.mark.parametrize("asked", [5, 5000])
def test_an_error_of_a_read_has_its_handle(play: Puppet, asked: int) -> None:
    player, thing, calls = Player(play), Thing(), list[int]()
    stream, sink = player.obtain("input-stream"), player.obtain("output-stream")

    def refuse(*_: Any) -> Any:
        calls.append(1)
        raise Refused(Variant("last-operation-failed", thing))

    play.answers[STREAMS, READ] = play.answers[STREAMS, WRITE] = refuse
    error = play.call(STREAMS, READ, stream, asked)["err"]
    assert error.case == "last-operation-failed"
    play.answers["wasi:io/error", "[method]error.to-debug-string"] = lambda one: f"is it: {one is thing}"
    assert play.call("wasi:io/error", "[method]error.to-debug-string", error.value) == "is it: True"
    assert play.call(STREAMS, WRITE, sink, b"x" * asked)["err"].case == "last-operation-failed"
    assert len(calls) == 2, "what was refused is not asked again"
    play.answers[STREAMS, READ] = lambda _stream, count: b"y" * count
    assert play.call(STREAMS, READ, stream, asked) == {"ok": b"y" * asked}


def test_a_call_counts_once_whichever_way_it_takes(engine: Engine, way: str) -> None:
    bulk, by_table = WAYS[way]
    with puppet(engine, INTERFACES, bulk, by_table=by_table, settings={"host_calls": 6}) as play:
        stream = Player(play).obtain("input-stream")

        def refuse(*_: Any) -> Any:
            raise Refused(Variant("closed"))

        for answer in (lambda _stream, count: b"z" * count, refuse):
            play.answers[STREAMS, READ] = answer
            for asked in (5, 5000):
                play.call(STREAMS, READ, stream, asked)
        assert play.instance.host_left == 1
        play.call(STREAMS, READ, stream, 5000)
        with pytest.raises(LimitExceeded) as caught:
            play.call(STREAMS, READ, stream, 5000)
    assert caught.value.message == "the guest called the host more than the 6 times it may"


# What a guest may do wrong


@pytest.mark.parametrize(
    ("at", "size"), [(4 << 20, 1), ((4 << 20) - 4, 5), (0xFFFF_FFFF, 1), (1, 0xFFFF_FFFF), (0x8000_0000, 0x8000_0000)]
)
def test_bytes_outside_of_the_guests_memory_end_the_guest(play: Puppet, at: int, size: int) -> None:
    sink = Player(play).obtain("output-stream")
    play.answers[STREAMS, WRITE] = lambda *_: pytest.fail("it was called")
    with pytest.raises(Trapped):
        play.raw(STREAMS, WRITE, sink, at, size, ARGUMENTS)


@pytest.mark.parametrize("ret", [4 << 20, (4 << 20) - 8, ARGUMENTS + 1, ARGUMENTS + 2, 0xFFFF_FFF0])
@pytest.mark.parametrize("asked", [5, 5000])
def test_a_result_outside_of_the_guests_memory_ends_the_guest(play: Puppet, ret: int, asked: int) -> None:
    player = Player(play)
    stream, sink = player.obtain("input-stream"), player.obtain("output-stream")
    play.answers[STREAMS, READ] = lambda _stream, count: bytes(count)
    play.answers[STREAMS, WRITE] = lambda *_: None
    with pytest.raises(Trapped):
        play.raw(STREAMS, READ, stream, asked, ret)
    with pytest.raises(Trapped):
        play.raw(STREAMS, WRITE, sink, ARGUMENTS, asked, ret)


@pytest.mark.parametrize("handle", [0, 99, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_handle_that_the_guest_has_not_ends_it(play: Puppet, handle: int) -> None:
    play.answers[STREAMS, READ] = lambda *_: pytest.fail("it was called")
    with pytest.raises(Trapped, match=r"handle"):
        play.raw(STREAMS, READ, handle, 5000, ARGUMENTS)


def test_a_handle_of_another_resource_ends_the_guest(play: Puppet) -> None:
    play.answers[STREAMS, READ] = lambda *_: pytest.fail("it was called")
    with pytest.raises(Trapped, match=r"handle"):
        play.raw(STREAMS, READ, Player(play).obtain("output-stream"), 5000, ARGUMENTS)


def test_a_handle_is_gone_once_it_was_dropped_or_given_away(play: Puppet) -> None:
    player = Player(play)
    stream, fields = player.obtain("input-stream"), player.obtain("fields")
    play.drop("input-stream", stream)
    assert player.things[stream].dropped == 1
    play.answers[HTTP, "[constructor]outgoing-request"] = lambda one: Thing() if one is player.things[fields] else None
    play.call(HTTP, "[constructor]outgoing-request", fields)
    assert player.things[fields].dropped == 0, "what was given away is the host's"
    assert player.things[fields] not in play.instance.handles.table.values()
    with pytest.raises(Trapped, match=r"handle"):
        play.drop("fields", fields)


def test_handles_that_a_guest_keeps_are_dropped_with_it(engine: Engine, way: str) -> None:
    bulk, by_table = WAYS[way]
    with puppet(engine, INTERFACES, bulk, by_table=by_table) as play:
        player = Player(play)
        kept = [player.things[player.obtain("pollable")] for _ in range(3)]
        assert len(play.instance.handles) == 3
    assert [thing.dropped for thing in kept] == [1, 1, 1]


def test_a_guest_that_keeps_every_handle_is_ended(engine: Engine, way: str) -> None:
    bulk, by_table = WAYS[way]
    with puppet(engine, INTERFACES, bulk, by_table=by_table, settings={"handles": 5}) as play:
        player = Player(play)
        for _ in range(5):
            player.obtain("pollable")
        with pytest.raises(LimitExceeded) as caught:
            player.obtain("pollable")
    assert caught.value.message == (
        "a guest may hold 5 handles at a time, and wants one more of pollable: it has to drop some"
    )


@pytest.mark.parametrize("ended", ["deadline", "stop", "close"])
def test_a_guest_is_ended_while_the_host_waits_for_its_bytes(play: Puppet, ended: str) -> None:
    player, stop, made = Player(play), Stop(), play.instance
    stream = player.obtain("input-stream")
    enders = {"deadline": lambda: None, "stop": lambda: stop.set(Cancelled("stopped")), "close": made.close}

    def wait(*_: Any) -> bytes:
        enders[ended]()
        while not made.closing:
            made.check()
            time.sleep(0.001)
        return bytes(5000)

    play.answers[STREAMS, READ] = wait
    late = time.monotonic() + 0.1 if ended == "deadline" else math.inf
    with made.entered(Frame(stop, late, "too late")):
        if ended == "close":
            play.have(STREAMS, READ, stream, 5000, ARGUMENTS)
        else:
            with pytest.raises(RunError, match=r"^(too late|stopped)$"):
                play.have(STREAMS, READ, stream, 5000, ARGUMENTS)
    assert (made.owed, made.gone, made.closed) == (None, True, ended == "close")


# What the host may do wrong


@pytest.mark.parametrize("asked", [5, 5000])
def test_what_a_served_function_raises_ends_the_guest_and_is_raised(play: Puppet, asked: int) -> None:
    stream = Player(play).obtain("input-stream")

    def fail(*_: Any) -> Any:
        raise RunError("the disk is gone")

    play.answers[STREAMS, READ] = fail
    with pytest.raises(RunError, match=r"^the disk is gone$"):
        play.call(STREAMS, READ, stream, asked)
    assert play.instance.ended == "the disk is gone"


@pytest.mark.parametrize("asked", [5, 5000])
def test_a_result_of_another_type_ends_the_guest_alone(play: Puppet, asked: int) -> None:
    stream = Player(play).obtain("input-stream")
    play.answers[STREAMS, READ] = lambda *_: None
    with pytest.raises(TypeError):
        play.call(STREAMS, READ, stream, asked)
    assert play.instance.ended


def test_a_refusal_where_a_function_has_no_error_ends_the_guest(play: Puppet) -> None:
    def refuse(*_: Any) -> Any:
        raise Refused("no")

    for asked in (5, 5000):
        play.answers["wasi:random/random", "get-random-bytes"] = refuse
        with pytest.raises((Refused, Trapped)):
            play.call("wasi:random/random", "get-random-bytes", asked)


# Guests of other kinds


def _of_version(version: str) -> list[t.Interface]:
    wanted = ("wasi:io/poll", "wasi:io/error", STREAMS, "wasi:cli/stdin")
    return [replace(i, name=replace(i.name, version=version)) for i in INTERFACES if i.name.base in wanted]


@pytest.mark.parametrize("versions", [("0.2.0", "0.2.6"), tuple(f"0.2.{number}" for number in range(12))], ids=len)
def test_a_guest_may_ask_for_several_versions_of_an_interface(
    engine: Engine, way: str, versions: tuple[str, ...]
) -> None:
    bulk, by_table = WAYS[way]
    interfaces = [item for version in versions for item in _of_version(version)]
    with puppet(engine, interfaces, bulk, by_table=by_table) as play:
        things = {version: Thing() for version in versions}
        for version, thing in things.items():
            play.answers[f"wasi:cli/stdin@{version}", "get-stdin"] = lambda thing=thing: thing
            play.answers[f"{STREAMS}@{version}", READ] = lambda one, size, thing=thing: bytes([one is thing]) * size
        for version in things:
            handle = play.call(f"wasi:cli/stdin@{version}", "get-stdin")
            for asked in (5, 5000):
                assert play.call(f"{STREAMS}@{version}", READ, handle, asked) == {"ok": b"\1" * asked}


_GIVER = f"""(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (import "print" (func $print (param "error" bool) (param "text" (list u8)) (result bool)))
  (core module $libc {MEMORY})
  (core instance $libc (instantiate $libc))
  (core func $random (canon lower (func $random "get-random-bytes")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $print (canon lower (func $print) (memory (core memory $libc "memory"))))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "random" (func $random (param i64 i32)))
    (import "" "print" (func $print (param i32 i32 i32) (result i32)))
    (func (export "go") (param i64)
      (call $random (local.get 0) (i32.const 16))
      (drop (call $print (i32.const 0) (i32.load (i32.const 16)) (i32.load (i32.const 20))))))
  (core instance $m (instantiate $m (with "" (instance (export "memory" (memory $libc "memory"))
    (export "random" (func $random)) (export "print" (func $print))))))
  (func (export "go") (param "size" u64) (canon lift (core func $m "go"))))"""


@pytest.mark.parametrize("bulk", ["auto", "never"])
def test_fused_guests_share_what_is_served(engine: Engine, bulk: Bulk) -> None:
    parts = [engine.from_text(_GIVER, "giver"), engine.from_text(CLI, "printer")]
    wanted = next(item for item in parts[0].world.imports if isinstance(item, t.Function))
    offered = next(item for item in parts[1].world.exports if item.name == "print")
    fused = engine.fuse(parts, [Link(0, wanted, 1, offered)], bulk)
    printed: list[tuple[str, bytes]] = []
    with hosted(engine, fused.component, output=lambda *line: printed.append(line)) as made:
        go = fused.exported(0, next(item for item in parts[0].world.exports if item.name == "go"))
        assert isinstance(go, t.Function)
        with made.entered(Frame()):
            made.call(None, go, [3000])
        assert made.count(*fused.counters[0, "print"]) == 1
    assert {stream for stream, _ in printed} == {"stdout"}
    assert b"".join(data for _, data in printed) == Session(NOTHING).random.octets(3000)


@pytest.mark.parametrize("asked", [5, 5000])
def test_a_function_that_another_answers_has_no_use_for_its_lane(engine: Engine, way: str, asked: int) -> None:
    bulk, by_table = WAYS[way]
    random = [item for item in INTERFACES if item.name.base == "wasi:random/random"]
    component = engine.variant(engine.from_text(text(random, by_table=by_table), "answered"), bulk)
    linker = engine.linker(component)
    for function in random[0].functions:
        linker.define(random[0].name, function, lambda _caller, values: b"\7" * values[0])
    made = linker.instantiate(Frame())
    assert Puppet(made, random).call("wasi:random/random", "get-random-bytes", asked) == b"\7" * asked
    made.close()
    linker.close()


def test_room_that_is_none_ends_the_guest(engine: Engine, way: str) -> None:
    bulk, by_table = WAYS[way]
    with puppet(engine, INTERFACES, bulk, by_table=by_table, memory=LIAR) as play:
        play.answers["wasi:random/random", "get-random-bytes"] = bytes
        with pytest.raises(Trapped):
            play.call("wasi:random/random", "get-random-bytes", 5000)


def test_an_import_that_nothing_serves_is_refused(engine: Engine, way: str) -> None:
    bulk, by_table = WAYS[way]
    linker = engine.linker(engine.variant(engine.from_text(text(INTERFACES, by_table=by_table), "unserved"), bulk))
    with pytest.raises(ComponentError) as caught:
        linker.prepare()
    assert str(caught.value) == ("nothing answers the import wasi:cli/environment@0.2.12.get-environment of unserved")


def test_a_guest_that_takes_room_twice_over_ends(play: Puppet) -> None:
    """Its allocator would have to call the host in the middle of a lane's call."""
    for taken in (play.instance.kept, play.instance.recall):
        with pytest.raises(Trapped) as caught:
            taken()
        assert caught.value.message == "the guest read or wrote while it was taking room for what it read"


_TAKER = """(component
  (import "wasi:random/random@0.2.0" (instance $random
    (export "get-random-bytes" (func (param "len" u64) (result (list u8))))))
  (core module $Table (table (export "$imports") 1 funcref) (type $t (func (param i64 i32)))
    (func (export "random") (type $t) (call_indirect (type $t) (local.get 0) (local.get 1) (i32.const 0))))
  (core instance $table (instantiate $Table))
  (core module $Main (import "" "random" (func $random (param i64 i32))) (memory (export "memory") 1) (tag $none)
    (global $while (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $while i32)
      (local.set $while (global.get $while)) (global.set $while (i32.const 0))
      (if (i32.eq (local.get $while) (i32.const 1)) (then (throw $none)))
      (if (i32.eq (local.get $while) (i32.const 2)) (then (unreachable)))
      (if (i32.eq (local.get $while) (i32.const 3)) (then (call $random (i64.const 3000) (i32.const 16))))
      (if (i32.eq (local.get $while) (i32.const 4)) (then (call $random (i64.const 5) (i32.const 16))))
      (if (i32.eq (local.get $while) (i32.const 5)) (then (loop $on (br $on))))
      (i32.const 1024))
    (func (export "go") (param i32 i64) (result i32)
      (global.set $while (local.get 0))
      (block $caught
        (try_table (catch $none $caught) (call $random (local.get 1) (i32.const 0)))
        (return (i32.load8_u (i32.load (i32.const 0)))))
      (i32.const -1)))
  (core instance $main (instantiate $Main (with "" (instance $table))))
  (core func $lowered (canon lower (func $random "get-random-bytes")
    (memory (core memory $main "memory")) (realloc (core func $main "realloc"))))
  (core module $Fill (import "" "random" (func (param i64 i32))) (import "" "$imports" (table 1 funcref))
    (elem (i32.const 0) func 0))
  (alias core export $table "$imports" (core table $imports))
  (core instance (instantiate $Fill (with "" (instance
    (export "random" (func $lowered)) (export "$imports" (table $imports))))))
  (func (export "go") (param "while" u32) (param "size" u64) (result s32) (canon lift (core func $main "go"))))"""
"""A guest that does something else, of which it is told the number, while it takes room; it gives the first byte."""


@contextmanager
def _taker(engine: Engine) -> Iterator[tuple[Instance, Callable[..., Any]]]:
    """It, and what calls it: the host gives a byte more often, and as another one, each time that it is asked."""
    component, asked = engine.from_text(_TAKER, "taker"), itertools.count(1)
    assert len(component.lanes) == 1
    (random,), (go,), linker = component.world.imports, component.world.exports, engine.linker(component)
    assert isinstance(random, t.Interface)
    assert isinstance(go, t.Function)
    linker.serve(random.name, random.functions[0], lambda _host, size: bytes([next(asked)]) * size)
    made = linker.instantiate(Frame(), InstanceSettings(host_calls=9))

    def call(*values: int, frame: Frame | None = None) -> Any:
        with made.entered(frame or Frame()):
            return made.call(None, go, values)

    yield made, call
    made.close()
    linker.close()


def test_what_a_guest_did_not_take_is_not_kept_for_the_next_call(engine: Engine) -> None:
    with _taker(engine) as (made, call):
        assert call(1, 5000) == -1
        assert made.owed is None
        assert [call(0, 5), call(0, 5000)] == [2, 3]
        assert made.host_left == 6


@pytest.mark.parametrize(
    ("action", "message", "left"),
    [
        (2, "the guest trapped: wasm `unreachable` instruction executed", 8),
        (3, "the guest read or wrote while it was taking room for what it read", 7),
        (4, "the guest read or wrote while it was taking room for what it read", 8),
        (5, "it takes too long", 8),
    ],
)
def test_a_guest_that_ends_while_it_takes_room_leaves_nothing(
    engine: Engine, action: int, message: str, left: int
) -> None:
    frame = Frame(deadline=time.monotonic() + 0.1, limit="it takes too long") if action == 5 else Frame()
    with _taker(engine) as (made, call):
        with pytest.raises(RunError) as caught:
            call(action, 5000, frame=frame)
        assert caught.value.message.startswith(message)
        assert (made.owed, made.host_left) == (None, left)
        with pytest.raises(Trapped, match=r"^the instance answers no further call: "):
            call(0, 5)


def test_only_what_calls_through_a_table_has_lanes(engine: Engine) -> None:
    lanes = {way: _lanes(engine, *choice) for way, choice in WAYS.items()}
    assert lanes == {
        "values": [], "shim": [],
        "lanes": [
            "[method]descriptor.read", "[method]descriptor.write", "[method]input-stream.blocking-read",
            "[method]input-stream.read", "[method]output-stream.blocking-write-and-flush",
            "[method]output-stream.write", "get-insecure-random-bytes", "get-random-bytes",
        ],
    }  # fmt: skip


def _lanes(engine: Engine, bulk: Bulk, by_table: bool, change: tuple[str, str] = ("", "")) -> list[str]:
    guest = (
        text(INTERFACES, by_table=by_table).replace(*change, 1) if any(change) else text(INTERFACES, by_table=by_table)
    )
    return sorted(key.partition("#")[2] for key in engine.variant(engine.from_text(guest), bulk).lanes)


_FILL = "(core instance (instantiate $Fill"
_OTHER = '(core instance (instantiate $Other (with "" (instance (export "$imports" (table $imports))))))'


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("func 0 1 2", "func 1 0 2"), id="in another order"),
        pytest.param(("(elem (i32.const 0)", "(elem declare"), id="not at all"),
        pytest.param(
            ('"wasi:io/error', '"orchestrator:shim/lanes" (instance)) (import "wasi:io/error'), id="taken name"
        ),
        pytest.param(
            ("(elem (i32.const 0)", "(func $also) (start $also) (elem (i32.const 0)"), id="and something else"
        ),
        pytest.param(
            (_FILL, f'(core module $Other (import "" "$imports" (table 1 funcref))) {_OTHER} {_FILL}'), id="by another"
        ),
        pytest.param(
            (
                "(core module $Table (",
                '(core module $Table (func (export "") (table.set 0 (i32.const 0) (ref.null func))) (',
            ),
            id="its maker",
        ),
        pytest.param(
            ("(core module $Table (", "(core module $Table (func $first) (start $first) ("), id="its maker at its start"
        ),
    ],
)
def test_a_table_that_is_filled_in_another_way_has_no_lanes(engine: Engine, change: tuple[str, str]) -> None:
    assert _lanes(engine, "auto", True, change) == []


@pytest.mark.parametrize("name", ["lanes", "imports", "exports"])
@pytest.mark.parametrize(
    "item",
    ['(import "{}" (instance))', '(import "{}" (func))', '(instance $none) (export "{}" (instance $none))'],
    ids=["imported", "function", "exported"],
)
def test_a_guest_may_have_a_name_of_ours(engine: Engine, name: str, item: str) -> None:
    own = item.format(f"orchestrator:shim/{name}")
    assert _lanes(engine, "auto", True, ("(core module $Libc", f"{own} (core module $Libc")) == []


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(("(core module $Libc", '(export "failure" (type {})) (core module $Libc'), id="a type of WASI's"),
        pytest.param(('(import "wasi:io/poll@', '(import "wash:io/poll@'), id="a resource of others"),
    ],
)
def test_a_guest_that_gives_away_or_takes_in_types_that_only_wasi_has_is_run(
    engine: Engine, change: tuple[str, str]
) -> None:
    """Its resources are not the shim's then: what it exports would be others than what it imports."""
    wanted = ("wasi:io/poll", "wasi:io/error", STREAMS)
    kept = {STREAMS: "[method]input-stream.read"}
    interfaces = [
        replace(i, functions=tuple(f for f in i.functions if f.name == kept.get(i.name.base)))
        for i in INTERFACES
        if i.name.base in wanted
    ]
    guest = text(interfaces, by_table=True)
    named = re.search(r'\(alias export \$i\d+ "stream-error" \(type (\$t\d+)\)\)', guest)
    assert named is not None
    old, new = change
    component = engine.from_text(guest.replace(old, new.format(named[1]), 1), "giver")
    assert (component.world.refused, component.lanes, component.shimmed) == ((), {}, False)


@pytest.mark.parametrize(
    "more",
    [
        "(alias outer 0 $Fill (core module $Again))",
        '(component $Nest (core module $Inner) (export "m" (core module $Inner))) (instance $nest (instantiate $Nest)) '
        '(alias export $nest "m" (core module $Inner))',
        "(component $Nest (core module $Inner (memory 1)) (core instance (instantiate $Inner))) "
        "(instance (instantiate $Nest))",
    ],
    ids=["again", "out of an instance", "nested"],
)
def test_modules_from_elsewhere_are_counted(engine: Engine, more: str) -> None:
    assert len(_lanes(engine, "auto", True, (_FILL, f"{more} {_FILL}"))) == 8


def test_a_table_of_very_many_places_has_no_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a function more, which takes as long to compile as a guest's own."""
    guest = bytes(wat2wasm(text(INTERFACES, by_table=True)))
    assert len(_lay.lay(guest, INTERFACES).lanes) == 8
    monkeypatch.setattr(_lay, "MOST_SITES", 7)
    assert _lay.lay(guest, INTERFACES) == _lay.Laid(guest, {})


def test_a_module_is_looked_at_once_however_often_it_is_instantiated(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str, int]] = []
    imported = _lane_sites._imported

    def look(section: Reader) -> tuple[str, str, int]:
        seen.append(imported(section))
        return seen[-1]

    monkeypatch.setattr(_lane_sites, "_imported", look)
    many = '(core module $Many (import "" "f" (func))) (core module $F (func (export "f"))) (core instance $f '
    many += "(instantiate $F)) " + '(core instance (instantiate $Many (with "" (instance $f))))' * 50
    _lane_sites.found_in(bytes(wat2wasm(f"(component {many})")))
    assert seen == [("", "f", _lane_sites.A_FUNCTION)]


# Many calls


@pytest.mark.parametrize("asked", [5, 5000])
def test_an_error_leaves_nothing_that_only_a_collection_finds(play: Puppet, asked: int) -> None:
    stream = Player(play).obtain("input-stream")

    def refuse(*_: Any) -> Any:
        raise Refused(Variant("closed"))

    play.answers[STREAMS, READ] = refuse
    play.call(STREAMS, READ, stream, asked)
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            play.raw(STREAMS, READ, stream, asked, ARGUMENTS)
        assert gc.collect() < 50
    finally:
        gc.enable()


def test_very_many_calls_leave_nothing_behind(play: Puppet) -> None:
    player = Player(play)
    stream, sink = player.obtain("input-stream"), player.obtain("output-stream")
    data = bytes(2000)
    play.answers[STREAMS, READ] = lambda _stream, count: data[:count]
    play.answers[STREAMS, WRITE] = lambda *_: None

    def some(count: int) -> None:
        for number in range(count):
            play.call(STREAMS, READ, stream, 5 if number % 2 else 2000)
            play.call(STREAMS, WRITE, sink, b"line")
            play.drop("pollable", player.obtain("pollable"))
            player.things.clear()
        gc.collect()

    some(1000)
    before = process.getrusage(process.RUSAGE_SELF).ru_maxrss
    some(6000)
    assert process.getrusage(process.RUSAGE_SELF).ru_maxrss - before < 4000
    assert len(play.instance.handles) == 2
