"""Hands on what it is asked to who answers its imports.

An interface that is imported and exported has its types twice, once for each side; what it takes from `types` is there
once. So values that hold types of their own are made anew for the other side.
"""

import dataclasses
import enum
from importlib import import_module

import wit_world
from componentize_py_types import Err
from wit_world import exports


def across(value, source, target):
    """The value with the classes of one module in place of those of the other."""
    kind = type(value)
    if isinstance(value, (list, tuple)):
        return kind(across(item, source, target) for item in value)
    theirs = getattr(target, kind.__name__, kind) if kind.__module__ == source.__name__ else kind
    if isinstance(value, (enum.Enum, enum.Flag)):
        return theirs(value.value)
    if not dataclasses.is_dataclass(value):
        return value
    return theirs(*(across(getattr(value, field.name), source, target) for field in dataclasses.fields(value)))


def forwarding(name):
    """A class for the exported interface `name` whose every method calls the imported function of its name."""
    outside, inside = import_module(f"wit_world.imports.{name}"), import_module(f"wit_world.exports.{name}")
    protocol = getattr(exports, name.capitalize())

    def method(function):
        def call(_self, *arguments):
            try:
                return across(function(*(across(one, inside, outside) for one in arguments)), outside, inside)
            except Err as error:
                raise Err(across(error.value, outside, inside)) from None

        return call

    names = [name for name in vars(protocol) if not name.startswith("_")]
    return type(protocol.__name__, (protocol,), {name: method(getattr(outside, name)) for name in names})


Primitives = forwarding("primitives")
Containers = forwarding("containers")
Results = forwarding("results")
Wide = forwarding("wide")
Trouble = forwarding("trouble")


class WitWorld(wit_world.WitWorld):
    def swap(self, a, b):
        return wit_world.swap(a, b)

    def plain(self):
        wit_world.plain()


KEPT = []


class Pool(exports.Pool):
    def put(self, c):
        KEPT.append(c)

    def take(self):
        return KEPT.pop() if KEPT else None

    def forget(self):
        KEPT.clear()

    def peek(self, c, by):
        return c.add(by)
