"""Every key of a ceiling and of a component's claims, once: the most that may be granted, the most that is asked for.

Both are lists of what there is at all; what they do not list is denied, whatever a pipeline grants.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from orchestrator.manifest import model
from orchestrator.manifest.container_shapes import Fields, Key, ListOf, Object
from orchestrator.manifest.context import BAD, Bad, Context, Filled, Spot
from orchestrator.manifest.forms import TEXT
from orchestrator.manifest.grant_build import read_http, read_limits
from orchestrator.manifest.grant_keys import BOUNDS, CLOCK, METHOD, ORIGIN, RANDOM, SECRET_NAME, STDIO, VARIABLES
from orchestrator.manifest.pipeline_keys import RUN_LIMITS
from orchestrator.manifest.scalar_shapes import Choice, Flag, Name, Parsed, Text

_CEILING = "tests/security/test_ceiling.py"
_CLAIMS = "tests/security/test_claims.py"
_ADDRESS = "an address, `https://api.example.com/v1/**`"


def _folder(_context: Context, fields: Fields) -> Any:
    if "path" not in fields.values:
        return BAD
    return fields.get("path"), fields.get("access", "read")


def _secret(_context: Context, fields: Fields) -> Any:
    if not {"name", "to"} <= fields.values.keys():
        return BAD
    return fields.get("name"), fields.get("to")


def _allowed(_context: Context, fields: Fields) -> model.Allowed:
    return model.Allowed(
        storage=fields.get("storage", ()),
        http=fields.get("http", ()),
        secrets=fields.get("secrets", ()),
        environment=fields.get("environment", ()),
        clock=fields.get("clock", "none"),
        random=fields.get("random", "none"),
        stdio=fields.get("stdio", "captured"),
    )


def _range(context: Context, filled: Filled, spot: Spot) -> str | Bad:
    try:
        return str(ipaddress.ip_network(filled.text))
    except ValueError as problem:
        message = f"{spot} is no range of addresses: {problem}"
        return context.error("address-range", message, filled.scalar, help="write it as `127.0.0.0/8` or `fd00::/8`")


def _ceiling(context: Context, fields: Fields) -> model.Ceiling:
    return model.Ceiling(
        name=fields.get("ceiling", ""),
        grants=fields.get("grants", model.Allowed()),
        limits=fields.get("limits", model.Limits()),
        run=fields.get("run", model.RunLimits()),
        addresses=fields.get("addresses"),
        python=fields.get("python", True),
        description=fields.get("description", ""),
        where=context.where(fields.tree, "the ceiling"),
    )


def read_claims(context: Context, fields: Fields) -> model.Claims:
    """What a component claims."""
    return model.Claims(
        storage=fields.get("storage"),
        http=fields.get("http", ()),
        secrets=fields.get("secrets", ()),
        environment=fields.get("environment", ()),
        clock=fields.get("clock", "none"),
        random=fields.get("random", "none"),
        stdio=fields.get("stdio", "captured"),
        where=context.where(fields.tree, "the claims"),
    )


def _key(name: str, shape: Any, doc: str, default: str = "nothing", proof: str = _CEILING) -> Key:
    return Key(name, shape, doc, default, enforced="link, capability for each run", proof=proof)


FOLDER = Object(
    "a folder",
    (
        Key(
            "path",
            Text("a path of the host"),
            "The folder of the host, from the ceiling's own folder; symbolic links are followed before it is compared.",
            required=True,
            enforced="link, capability for each run",
            proof=_CEILING,
        ),
        _key("access", Choice(("read", "write")), "What may be done in it and beneath it.", "`read`"),
    ),
    _folder,
    title="Folder",
)

ADDRESS = Object(
    "an address",
    (
        Key(
            "url",
            Text(_ADDRESS),
            "Which addresses, with `*` and `**` as in an http grant.",
            required=True,
            enforced="link, capability for each run",
            proof=_CEILING,
        ),
        _key("methods", ListOf(METHOD, "a list of methods", unique=True, empty=False), "What may be asked there.",
             "`GET` and `HEAD`"),
    ),
    read_http,
    title="Address",
)  # fmt: skip

OWN_SECRET = Object(
    "a secret",
    (
        Key("name", SECRET_NAME, "Its name.", required=True, enforced="link", proof=_CEILING),
        Key("to", ORIGIN, "Where it may go.", required=True, enforced="link", proof=_CEILING),
    ),
    _secret,
    title="Secret that may be granted",
)

ALLOWED = Object(
    "what may be granted",
    (
        _key("storage", ListOf(FOLDER, "a list of folders"), "Folders; what lies beneath one may be granted too."),
        _key("http", ListOf(ADDRESS, "a list of addresses"), "Addresses that requests may go to."),
        _key("secrets", ListOf(OWN_SECRET, "a list of secrets"), "Secrets, and where each may go."),
        _key("environment", VARIABLES, "Variables that a guest may find in its environment, whatever their values."),
        _key("clock", CLOCK, "The most that a guest may know of the time; `wall` is all of it.", "`none`"),
        _key("random", RANDOM, "The most that a guest may have of random numbers; `secure` is all.", "`none`"),
        _key("stdio", STDIO, "Where what a guest prints may go; `inherit` is all.", "`captured`"),
    ),
    _allowed,
    title="What may be granted",
)

CEILING = Object(
    "a ceiling",
    (
        Key(
            "ceiling",
            Name("the ceiling's name"),
            "Its name, by which messages and plans call it.",
            required=True,
            enforced="manifest",
            proof="tests/unit/test_manifest_golden.py",
        ),
        Key("description", TEXT, "What it is for, for a person."),
        _key("grants", ALLOWED, "The most that any node may be granted; what is not listed cannot be."),
        _key(
            "limits",
            Object("a node's limits", BOUNDS, read_limits, title="Limits of each node"),
            "Of each node, which may ask for less; a node that states none has these. Of memory, tables, handles and"
            " output not more than the engine's own where nothing is said.",
            "the engine's",
        ),
        _key("run", RUN_LIMITS, "Of a whole run, which may ask for less; one that states none has these.", "none"),
        _key(
            "addresses",
            ListOf(Parsed("a range of addresses, `127.0.0.0/8`", "address-range", _range), "a list of ranges"),
            "Addresses that are no public ones (of this machine, of a private network) and that requests may go to;"
            " whoever runs a pipeline cannot allow others then.",
            "`--allow-address` says",
        ),
        _key(
            "python", Flag(), "Whether nodes may be Python functions, which run in the host.", "`--allow-python` says"
        ),
    ),
    _ceiling,
    title="Ceiling",
)

CLAIMS = Object(
    "a component's claims",
    (
        _key("storage", Choice(("read", "write")), "What it does in the folders that it is granted.", proof=_CLAIMS),
        _key("http", ListOf(Text(_ADDRESS), "a list of addresses"), "Addresses that it sends requests to.",
             proof=_CLAIMS),
        _key("secrets", ListOf(SECRET_NAME, "a list of names of secrets", unique=True), "Secrets that it needs.",
             proof=_CLAIMS),
        _key("environment", VARIABLES, "Variables that it reads.", proof=_CLAIMS),
        _key("clock", CLOCK, "What it has to know of the time.", "`none`", proof=_CLAIMS),
        _key("random", RANDOM, "Which random numbers it needs.", "`none`", proof=_CLAIMS),
        _key("stdio", STDIO, "Where it prints.", "`captured`", proof=_CLAIMS),
    ),
    read_claims,
    title="Claims",
)  # fmt: skip
