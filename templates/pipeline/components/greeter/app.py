"""Greets somebody by name."""

from wit_world import exports


class Greeting(exports.Greeting):
    """The interface `greeting`."""

    def greet(self, name: str) -> str:
        """The greeting."""
        return f"Hello, {name}!"
