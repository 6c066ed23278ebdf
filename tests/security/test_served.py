"""All that the linker can define: each function is behind a grant or a limit, or is harmless for a stated reason.

A new function in the WIT that ships, or in a table of the host, fails here until it is listed.
"""

from __future__ import annotations

import re

import pytest

from orchestrator import resources
from orchestrator.engine.imports import SERVED
from orchestrator.interface import Packages
from orchestrator.interface.types import Interface
from orchestrator.wasi import tables

_WIT = Packages.read(sorted(path for path in resources.wit().iterdir() if path.is_dir()))
_OWN = ("agent:api/web",)
_BY_THE_ENGINE = ("wasi:config/store", "agent:core/tools")
"""Answered from the node's own configuration and from its tool edges: nothing of the host is in them."""

GATED = {
    r"wasi:clocks/wall-clock#now": "clock",
    r"wasi:clocks/monotonic-clock#(now|subscribe-.*)": "clock",
    r"wasi:random/.*": "random",
    r"wasi:cli/environment#get-environment": "environment",
    r"wasi:cli/(stdin|stdout|stderr)#.*": "stdio",
    r"wasi:filesystem/preopens#get-directories": "storage",
    r"wasi:filesystem/types#\[method\](descriptor|directory-entry-stream)\..*": "storage",
    r"wasi:http/outgoing-handler#handle": "http",
    r"agent:api/web#fetch": "http",
    r"wasi:sockets/(tcp-create-socket|udp-create-socket)#.*": "sockets",
    r"wasi:sockets/ip-name-lookup#resolve-addresses": "sockets",
}
"""By a pattern of `interface#function`: the grant that is asked, or whose handle the function is given."""
HARMLESS = {
    r"wasi:clocks/.*#resolution": "a constant",
    r"wasi:cli/environment#(get-arguments|initial-cwd)": "a constant",
    r"wasi:cli/terminal-.*": "says that there is no terminal",
    r"wasi:cli/exit#.*": "ends the guest alone",
    r"wasi:io/error#.*": "the text of an error that the guest was given",
    r"wasi:io/poll#.*": "waits, with the guest's own deadline",
    r"wasi:io/streams#.*": "on a stream that came from a grant",
    r"wasi:filesystem/types#filesystem-error-code": "the code of an error that the guest was given",
    r"wasi:sockets/instance-network#.*": "the name of a network that leads nowhere",
    r"wasi:sockets/(tcp|udp)#.*": "no guest ever has a socket",
    r"wasi:sockets/ip-name-lookup#\[method\].*": "no guest ever has a lookup",
    r"wasi:http/types#http-error-code": "the code of an error that the guest was given",
    r"wasi:http/types#\[(constructor|static|method)\]fields.*": "a list of texts, bounded",
    r"wasi:http/types#\[(constructor|method)\](outgoing-request|request-options|outgoing-response).*": (
        "says what is to be sent; `handle` decides"
    ),
    r"wasi:http/types#\[(method|static)\](outgoing-body|incoming-response|incoming-body).*": "of a granted exchange",
    r"wasi:http/types#\[method\](future-trailers|future-incoming-response).*": "of a granted exchange",
    r"wasi:http/types#\[(method|static)\](incoming-request|response-outparam).*": "no guest ever has one",
}


def _served() -> list[Interface]:
    names = [name for name in _WIT.interfaces() if (name.namespace == "wasi" and name.package in SERVED)]
    return [_WIT.interface(name) for name in names] + [_WIT.interface(name) for name in _OWN]


FUNCTIONS = [f"{item.name.base}#{function.name}" for item in _served() for function in item.functions]


def test_the_tables_serve_the_wit_that_ships_and_nothing_else() -> None:
    declared = {item.name.base: {function.name for function in item.functions} for item in _served()}
    assert {name: set(functions) for name, functions in tables().items()} == declared


def test_every_package_that_ships_is_served_or_of_the_project() -> None:
    left = {name.base for name in _WIT.interfaces()} - {item.name.base for item in _served()} - set(_BY_THE_ENGINE)
    assert {name.partition(":")[0] for name in left} == {"agent"}


def test_the_guide_names_every_interface_and_what_becomes_of_it() -> None:
    guide = (resources.wit().parent / "docs" / "guide" / "wasi.md").read_text()
    rows = [row.split("|") for row in guide.splitlines() if row.startswith("| `")]
    told = {name: row[2].strip() for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    not_served = {name for name, what in told.items() if what.startswith("no")}
    assert set(told) - not_served == {item.name.base for item in _served()} | {"wasi:config/store"}
    assert not_served == {"wasi:clocks/timezone", "wasi:http/incoming-handler"}
    refused = {name for name, what in told.items() if what == "refused"}
    assert refused == {item.name.base for item in _served() if item.name.package == "sockets"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_is_gated_or_harmless(function: str) -> None:
    gates = [gate for pattern, gate in GATED.items() if re.fullmatch(pattern, function)]
    reasons = [reason for pattern, reason in HARMLESS.items() if re.fullmatch(pattern, function)]
    assert len(gates) + len(reasons) == 1, f"{function}: {gates or reasons or 'neither gated nor listed as harmless'}"


@pytest.mark.parametrize("pattern", [*GATED, *HARMLESS])
def test_every_line_of_the_lists_is_about_something(pattern: str) -> None:
    assert any(re.fullmatch(pattern, function) for function in FUNCTIONS)
