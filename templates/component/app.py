"""Turns a text into upper case. Each exported interface of `wit/world.wit` is a class with a method per function."""

from componentize_py_types import Err
from wit_world import exports


class Transform(exports.Transform):
    """The interface `transform`."""

    def apply(self, text: str) -> str:
        """The text in upper case; an empty one is an error of the interface."""
        if not text.strip():
            raise Err("the text is empty")
        return text.upper()
