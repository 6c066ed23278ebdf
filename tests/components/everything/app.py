"""Gives back what it gets, whatever its type."""

import asyncio
import sys
import time

import wit_world
from componentize_py_types import Err
from counters import Counter
from wit_world import exports
from wit_world.exports.counters import Labelled


def _same(_self, *arguments):
    return arguments[0] if len(arguments) == 1 else arguments or None


def echoing(protocol):
    """A class whose every method gives back its arguments: the one it has, or all as a tuple."""
    names = [name for name in vars(protocol) if not name.startswith("_")]
    return type(protocol.__name__, (protocol,), dict.fromkeys(names, _same))


Primitives = echoing(exports.Primitives)
Containers = echoing(exports.Containers)
Wide = echoing(exports.Wide)


class Results(exports.Results):
    """A result that a function returns is its value or the exception `Err`."""

    def both(self, a):
        if isinstance(a, Err):
            raise a
        return a.value

    no_ok = no_err = neither = declared = both

    def inside(self, a):
        return a


class WitWorld(wit_world.WitWorld):
    def swap(self, a, b):
        return b, a

    def plain(self):
        pass


class Counters(exports.Counters):
    def sum(self, several):
        return sum(counter.n for counter in several)

    def split(self, counter, parts):
        return [Labelled(f"part {i}", Counter(counter.n // parts)) for i in range(parts)]

    def maybe(self, counter):
        return counter


class Loop(asyncio.BaseEventLoop):
    """An event loop of timers: asyncio's own wants sockets, and componentize-py's wants `wasi:http`."""

    def __init__(self):
        super().__init__()
        self._selector = self

    def select(self, timeout):
        time.sleep(timeout or 0)

    def _process_events(self, _events):
        pass


class Trouble(exports.Trouble):
    def raise_(self, message):
        raise ValueError(message)

    def refuse(self, message):
        raise Err(message)

    def wrong_type(self):
        return "seven"

    def too_large(self):
        return 256

    def not_a_record(self):
        return ("one",)

    def unknown_error(self):
        raise Err(7)

    def speak(self, text):
        sys.stdout.write(f"{text}\n")
        sys.stderr.write(f"{text}\n")

    def leave(self, code):
        sys.exit(code)

    def awaited(self, n):
        async def one(i):
            await asyncio.sleep(0.001 * (i % 2))
            return i

        async def all():
            return sum(await asyncio.gather(*(one(i) for i in range(n))))

        return Loop().run_until_complete(all())

    def lengthen(self, text, times):
        return text * times
