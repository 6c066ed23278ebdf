"""Greets somebody by name."""

from wit_world import exports


class Greeting(exports.Greeting):
    def greet(self, name: str) -> str:
        return f"Hello, {name}!"
