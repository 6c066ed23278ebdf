"""Turns a text into upper case. Each exported interface of `wit/world.wit` is a class with a method per function."""

from componentize_py_types import Err
from wit_world import exports


class Transform(exports.Transform):
    def apply(self, text: str) -> str:
        if not text.strip():
            raise Err("the text is empty")
        return text.upper()
