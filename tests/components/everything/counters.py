"""The resource of the interface `counters`: componentize-py looks for it in a module of that name."""

from componentize_py_types import Err
from wit_world.exports import counters


class Counter(counters.Counter):
    def __init__(self, start):
        self.n = start

    def add(self, by):
        self.n += by
        return self.n

    def absorb(self, other):
        return self.add(other.n)

    def same_as(self, other):
        return self is other

    @classmethod
    def larger(cls, a, b):
        return a if a.n >= b.n else b

    @classmethod
    def parse(cls, text):
        if not text.isdecimal():
            raise Err(f"`{text}` is no number")
        return cls(int(text))
