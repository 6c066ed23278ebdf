"""Which power each import asks for: one table, for what is granted and unused, and for what is used and not granted.

Not for what the host serves: that is `wasi`. What is not listed here needs no power (waiting, streams, configuration).
"""

from __future__ import annotations

from collections.abc import Iterable

IMPORTS: tuple[tuple[str, str], ...] = (
    ("wasi:filesystem/", "storage"),
    ("wasi:http/", "http"),
    ("agent:api/web", "http"),
    ("wasi:sockets/", "sockets"),
    ("wasi:cli/environment", "environment"),
    ("wasi:clocks/", "clock"),
    ("wasi:random/", "random"),
    ("wasi:cli/std", "stdio"),
)
"""By what an interface's name begins with: the key of the grant."""
NEEDS: dict[str, str] = {
    "storage": "`wasi:filesystem`",
    "http": "`wasi:http` or `agent:api/web`",
    "secrets": "`wasi:http` or `agent:api/web`",
    "environment": "`wasi:cli/environment`",
    "clock": "`wasi:clocks`",
    "random": "`wasi:random`",
}
"""By the key of a grant: what a component imports that can use it, as messages say it."""
_SECRETS_GO_OUT = {"secrets": "http"}


def power_of(interface: str) -> str:
    """The power that an import asks for, by the key of its grant; empty where it asks for none."""
    return next((power for prefix, power in IMPORTS if interface.startswith(prefix)), "")


def powers_of(interfaces: Iterable[str]) -> tuple[str, ...]:
    """The powers that imports ask for, each once, in the order of the table."""
    asked = {power_of(interface) for interface in interfaces}
    return tuple(power for power in dict.fromkeys(power for _, power in IMPORTS) if power in asked)


def uses(grant: str, powers: Iterable[str]) -> bool:
    """Whether something that asks for those powers can use a grant, by its key."""
    return _SECRETS_GO_OUT.get(grant, grant) in powers
