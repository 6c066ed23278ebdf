"""Every key of a node's grants and limits, once; see `pipeline_keys`. What a key is not given for is denied."""

from __future__ import annotations

from orchestrator.manifest import grant_build as build
from orchestrator.manifest.container_shapes import Anything, Either, Key, ListOf, MapOf, Object
from orchestrator.manifest.forms import AMOUNT, DURATION, SIZE, TEXT
from orchestrator.manifest.scalar_shapes import Choice, Flag, Only, Parsed, Text, Whole
from orchestrator.manifest.scalars import TIME

_GRANTS = "tests/unit/test_capability_grants.py"
_LIMITS = "tests/behaviour/test_limits.py"
_STORAGE = "tests/security/test_storage.py"
_HTTP = "tests/security/test_http.py"
_SECRETS = "tests/security/test_secrets.py"
_CEILING = "tests/security/test_ceiling.py"
_BOUNDS = "tests/security/test_limits.py"

SECRET_NAME = Text(
    "the name of a secret, `API_KEY`", r"[A-Za-z_][A-Za-z0-9_-]*", "secret-name", "letters, digits, `_` and `-`",
    longest=128,
)  # fmt: skip

METHOD = Text("a method in capitals, `GET`", r"[A-Z][A-Z0-9-]*", "method", "write it in capitals: `POST`", longest=32)

URL = Text("an address, `https://api.example.com/v1/**`", template=True)

ORIGIN = Text("an origin, `https://api.example.com`")


def _optional(without: str) -> Key:
    return Key(
        "optional",
        Flag(),
        f"Whether the node can live {without}: then a ceiling that does not allow all of it narrows it, else the"
        " pipeline is refused.",
        "`false`",
        enforced="link",
        proof=_CEILING,
    )


STORAGE = Object(
    "a storage grant",
    (
        Key(
            "path",
            Text("a path of the host", template=True),
            "The folder of the host; `${inputs.x}` is an input of type `path` or an enum.",
            required=True,
            enforced="capability, for each run",
            proof=_GRANTS,
        ),
        Key(
            "at",
            Text("a path in the guest, `/docs`"),
            "Where the guest sees it.",
            required=True,
            enforced="capability",
            proof=_GRANTS,
        ),
        Key(
            "access",
            Choice(("read", "write")),
            "What the guest may do there.",
            "`read`",
            enforced="wasi",
            proof=_STORAGE,
        ),
        Key(
            "quota",
            AMOUNT,
            "How much all instances of the node may add to it in one run.",
            "no bound",
            enforced="wasi",
            proof=_STORAGE,
        ),
        Key(
            "files",
            Whole(),
            "How many files and folders all instances of the node may add to it in one run.",
            "no bound",
            enforced="wasi",
            proof=_STORAGE,
        ),
        Key(
            "hidden",
            Flag(),
            "Whether files and folders whose names begin with a dot are there for the guest.",
            "`false`",
            enforced="wasi",
            proof=_STORAGE,
        ),
        _optional("without it, or with less"),
    ),
    build.read_storage,
    title="Storage grant",
)

HTTP = Object(
    "an http grant",
    (
        Key(
            "url",
            URL,
            "Which addresses, `scheme://host[:port]/path`: `*` stands for one label of the host or one part of the"
            " path, `**` at the end of the path for any number of parts; `${inputs.x}` is an input of an enum type.",
            required=True,
            enforced="capability, at each request",
            proof=_HTTP,
        ),
        Key(
            "methods",
            ListOf(METHOD, "a list of methods", unique=True, empty=False),
            "What may be asked there.",
            "`GET` and `HEAD`",
            enforced="capability, at each request",
            proof=_HTTP,
        ),
        Key(
            "max-request",
            SIZE,
            "Of the body that is sent.",
            "the host's",
            enforced="wasi",
            proof=_HTTP,
        ),
        Key(
            "max-response",
            SIZE,
            "Of the body that comes back.",
            "the host's",
            enforced="wasi",
            proof=_HTTP,
        ),
        Key(
            "timeout",
            DURATION,
            "Of an exchange, from its begin to the end of its body.",
            "the host's",
            enforced="wasi",
            proof=_HTTP,
        ),
        Key(
            "trace",
            Flag(),
            "Whether each request says by the header `traceparent` which trace it is part of: two random numbers, of"
            " the run and of the step.",
            "`true`",
            enforced="wasi",
            proof=_HTTP,
        ),
        _optional("without it, or with less"),
    ),
    build.read_http,
    title="HTTP grant",
)

SECRET = Object(
    "a secret",
    (
        Key(
            "name",
            SECRET_NAME,
            "The name by which whoever runs the pipeline gives its value: `--secret API_KEY`.",
            required=True,
            enforced="capability",
            proof=_SECRETS,
        ),
        Key(
            "to",
            ORIGIN,
            "Where requests go that get it; no other does.",
            required=True,
            enforced="capability, at each request",
            proof=_SECRETS,
        ),
        Key(
            "header",
            Text("a header, `Authorization: Bearer {}`"),
            "The header that the host adds; `{}` stands for the value, which the guest never sees.",
            required=True,
            enforced="capability, at each request",
            proof=_SECRETS,
        ),
        _optional("without it"),
    ),
    build.read_secret,
    title="Secret",
)

FIXED_CLOCK = Object(
    "a fixed clock",
    (
        Key(
            "fixed",
            Parsed("a time, `2026-01-01T00:00:00Z`", "time", build.read_time, TIME),
            "Where it stands.",
            required=True,
            enforced="wasi",
            proof="tests/security/test_clock.py",
        ),
    ),
    build.read_clock,
    title="Fixed clock",
)

SEEDED_NUMBERS = Object(
    "seeded numbers",
    (
        Key(
            "seeded",
            Whole(),
            "The seed.",
            required=True,
            enforced="wasi",
            proof="tests/security/test_random.py",
        ),
    ),
    build.read_random,
    title="Seeded numbers",
)

CLOCK = Choice(("none", "fixed", "monotonic", "wall"))

RANDOM = Choice(("none", "seeded", "secure"))

STDIO = Choice(("none", "captured", "inherit"))

GRANTS = Object(
    "a node's grants",
    (
        Key(
            "storage",
            ListOf(STORAGE, "a list of storage grants"),
            "Folders of the host that the guest sees.",
            "none",
            enforced="wasi",
            proof=_STORAGE,
        ),
        Key(
            "http",
            ListOf(HTTP, "a list of http grants"),
            "Addresses that the guest may send requests to.",
            "none",
            enforced="wasi",
            proof=_HTTP,
        ),
        Key(
            "secrets",
            ListOf(SECRET, "a list of secrets"),
            "Secrets that the host adds to the guest's requests, and takes out of what comes back.",
            "none",
            enforced="wasi",
            proof=_SECRETS,
        ),
        Key(
            "environment",
            MapOf("a map of texts", Text("a variable's name"), TEXT),
            "Variables that the guest finds in its environment.",
            "none",
            enforced="wasi",
            proof="tests/security/test_environment.py",
        ),
        Key(
            "clock",
            Either(CLOCK, FIXED_CLOCK),
            "What the guest is told of the time. `none`: 1970, and sleeping moves a clock of its own at once; `fixed`:"
            " when the run began, or a stated time; `monotonic`: how time goes by; `wall`: the time of day too.",
            "`none`",
            enforced="wasi",
            proof="tests/security/test_clock.py",
        ),
        Key(
            "random",
            Either(RANDOM, SEEDED_NUMBERS),
            "Which random numbers the guest gets. `none`: the same ones always; `seeded`: the same ones for one seed,"
            " which is 0 where none is said; `secure`: the host's own.",
            "`none`",
            enforced="wasi",
            proof="tests/security/test_random.py",
        ),
        Key(
            "stdio",
            STDIO,
            "Where what the guest prints goes; `captured`: into the trace.",
            "`captured`",
            enforced="wasi",
            proof="tests/security/test_stdio.py",
        ),
        Key(
            "sockets",
            Only(
                "never",
                "no grant gives a component sockets",
                "remove it; to reach an address over HTTP, grant `http`",
            ),
            "No grant gives a component sockets; `never` says so.",
            "`never`",
            enforced="wasi",
            proof="tests/security/test_sockets.py",
        ),
        _optional("with less than these grants"),
        Key("models", Anything(), "", later=True),
    ),
    build.read_grants,
    title="Grants",
)

BOUNDS = (
    Key(
        "memory",
        SIZE,
        "Of all its memories together.",
        "the engine's",
        enforced="engine",
        proof=_LIMITS,
    ),
    Key(
        "tables",
        Whole(),
        "Elements of all its tables together.",
        "the engine's",
        enforced="engine",
        proof=_BOUNDS,
    ),
    Key(
        "timeout",
        DURATION,
        "Of one call of it, what it calls included.",
        "none",
        enforced="runtime",
        proof=_LIMITS,
    ),
    Key(
        "fuel",
        Whole(1),
        "Instructions of all its instances in one run, about one unit each.",
        "no bound",
        enforced="engine",
        proof=_BOUNDS,
    ),
    Key(
        "host-calls",
        Whole(),
        "Calls of what the host serves, by all its instances in one run.",
        "no bound",
        enforced="engine",
        proof=_BOUNDS,
    ),
    Key(
        "output",
        AMOUNT,
        "Of what all its instances print in one run; the rest is cut.",
        "the engine's",
        enforced="wasi",
        proof=_BOUNDS,
    ),
    Key(
        "handles",
        Whole(),
        "Resources that it holds at a time.",
        "the engine's",
        enforced="engine",
        proof=_BOUNDS,
    ),
)
"""The limits of a node, without what a pipeline alone may say of them."""

LIMITS = Object(
    "a node's limits",
    (*BOUNDS, _optional("with less")),
    build.read_limits,
    title="Limits of a node",
)

VARIABLES = ListOf(
    Text("the name of a variable, `LANG`, or the beginning of some, `LC_*`", r"[^=*]+\*?|\*", "variable",
         "`*` stands at the end, for what may follow"),
    "a list of names of variables",
    unique=True,
)  # fmt: skip
