"""WIT as frozen, hashable values: read, written, compared, and values converted between Python and JSON.

    types.py         types, functions, interfaces, worlds, names
    values.py        the Python forms of values that plain Python has no type for
    parse.py         WIT text -> types and packages
    packages.py      packages, their names looked up -> interfaces, worlds, types
    show.py          types, interfaces, worlds -> WIT text
    compare.py       does what is offered answer what is wanted, and if not, why
    versions.py      semantic versions: which may stand in for which
    convert.py       values: checked, to JSON, from JSON
    schema.py        the JSON Schema of a type
    numbers.py       how plain numbers lie in memory
    sizes.py         sizes in the canonical ABI
    allowance.py     how many objects a guest's values may become, and whether to go on
    crossing.py      whether a function's values cross in bulk or one by one
    serial.py        worlds as plain data, for caches

Not for binaries: the engine reflects those into the values of this room. What is named below is imported when first
used.
"""

from __future__ import annotations

from orchestrator._lazy import lazily

# What type checkers read as `typing.TYPE_CHECKING`, without the milliseconds that importing typing takes.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from orchestrator.interface.compare import explain_function as explain_function
    from orchestrator.interface.compare import explain_interface as explain_interface
    from orchestrator.interface.compare import explain_type as explain_type
    from orchestrator.interface.convert import arguments as arguments
    from orchestrator.interface.convert import check as check
    from orchestrator.interface.convert import from_json as from_json
    from orchestrator.interface.convert import has_json as has_json
    from orchestrator.interface.convert import load_json as load_json
    from orchestrator.interface.convert import read_json as read_json
    from orchestrator.interface.convert import to_json as to_json
    from orchestrator.interface.convert import write_json as write_json
    from orchestrator.interface.packages import Packages as Packages
    from orchestrator.interface.parse import parse_package as parse_package
    from orchestrator.interface.parse import parse_packages as parse_packages
    from orchestrator.interface.parse import parse_type as parse_type
    from orchestrator.interface.schema import json_schema as json_schema
    from orchestrator.interface.serial import world_from_data as world_from_data
    from orchestrator.interface.serial import world_to_data as world_to_data
    from orchestrator.interface.show import show_function as show_function
    from orchestrator.interface.show import show_interface as show_interface
    from orchestrator.interface.show import show_type as show_type
    from orchestrator.interface.show import show_world as show_world
    from orchestrator.interface.sizes import layout as layout
    from orchestrator.interface.sizes import size as size
    from orchestrator.interface.versions import fits as fits
    from orchestrator.interface.versions import version_fits as version_fits

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "compare": ("explain_function", "explain_interface", "explain_type"),
        "convert": ("arguments", "check", "from_json", "has_json", "load_json", "read_json", "to_json", "write_json"),
        "packages": ("Packages",),
        "parse": ("parse_package", "parse_packages", "parse_type"),
        "schema": ("json_schema",),
        "serial": ("world_from_data", "world_to_data"),
        "show": ("show_function", "show_interface", "show_type", "show_world"),
        "sizes": ("layout", "size"),
        "versions": ("fits", "version_fits"),
    },
)
