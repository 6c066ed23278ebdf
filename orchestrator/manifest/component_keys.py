"""Every key of `component.yaml`, once: how a source folder is built, and what the component says of itself."""

from __future__ import annotations

from typing import Any

from orchestrator.manifest import model
from orchestrator.manifest.ceiling_keys import CLAIMS
from orchestrator.manifest.container_shapes import Anything, Either, Fields, Key, ListOf, MapOf, Object
from orchestrator.manifest.context import BAD, Context, Filled, Spot
from orchestrator.manifest.forms import MODULE_PATTERN, TEXT
from orchestrator.manifest.paths import LABEL, SEMVER
from orchestrator.manifest.pipeline_build import PATH_TYPE, read_type, typed_default
from orchestrator.manifest.scalar_shapes import Choice, Name, Parsed, Text

_BUILD = "tests/unit/test_engine_build.py"
_CONFIG = "tests/unit/test_link_calls.py"
_READING = "tests/unit/test_manifest_golden.py"
_WORLD = rf"{LABEL}(?::{LABEL}/{LABEL}(?:@{SEMVER})?)?"


def _read_type(context: Context, filled: Filled, spot: Spot) -> Any:
    found = read_type(context, filled, spot)
    if found != PATH_TYPE:
        return found
    help = "a component sees only what it is granted; use `string`"
    return context.error("wit-type", "`path` is a type of a pipeline's inputs only", filled.scalar, help=help)


def _config_key(context: Context, fields: Fields) -> Any:
    type_ = fields.get("type")
    if type_ is None:
        return BAD
    default = typed_default(context, fields, type_)
    return model.ConfigKey(fields.spot.path.removeprefix("config."), type_, default, fields.get("description", ""))


def _component(context: Context, fields: Fields) -> model.ComponentManifest:
    return model.ComponentManifest(
        name=fields.get("name", ""),
        version=fields.get("version", ""),
        language=fields.get("language", "python"),
        world=fields.get("world", ""),
        module=fields.get("module", "app"),
        wit=fields.get("wit", ()),
        description=fields.get("description", ""),
        config=tuple(fields.get("config", {}).values()),
        claims=fields.get("claims"),
        where=context.where(fields.tree, "the component"),
    )


_TYPE = Parsed("a WIT type", "wit-type", _read_type)

CONFIG_KEY = Object(
    "a key of the configuration",
    (
        Key(
            "type",
            _TYPE,
            "Its WIT type.",
            required=True,
            enforced="link",
            proof=_CONFIG,
        ),
        Key(
            "default",
            Anything(),
            "The value when the pipeline gives none; a key without one must be given.",
            enforced="link",
            proof=_CONFIG,
        ),
        Key("description", TEXT, "What it is, for a person."),
    ),
    _config_key,
    title="Configuration key",
)

COMPONENT = Object(
    "a component",
    (
        Key(
            "name",
            Name("the component's name"),
            "Its name.",
            required=True,
            enforced="manifest",
            proof=_READING,
        ),
        Key(
            "version",
            Text("a version, `1.2.3`", SEMVER, "version", "three numbers with dots: `0.1.0`"),
            "Its semantic version.",
            required=True,
            enforced="manifest",
            proof=_READING,
        ),
        Key(
            "language",
            Choice(("python", "javascript")),
            "What builds it: `python` is built by componentize-py, `javascript` by componentize-js, which needs Node.",
            required=True,
            enforced="engine",
            proof="tests/golden/component/invalid/values.yaml",
        ),
        Key(
            "world",
            Text("a WIT world, `package:name/world`", _WORLD, "world-name", "write `package:name/world`"),
            "The world it implements.",
            required=True,
            enforced="engine",
            proof=_BUILD,
        ),
        Key(
            "module",
            Text("a module, `app`", MODULE_PATTERN, "module-name", "without `.py` or `.js`"),
            "The module that implements it: `app` is `app.py`, or `app.js`.",
            "`app`",
            enforced="engine",
            proof=_BUILD,
        ),
        Key(
            "wit",
            ListOf(Text("a folder"), "a list of folders"),
            "Folders of WIT, from this one; the packages that ship are always found.",
            "`wit/`, if it is there",
            enforced="engine",
            proof=_BUILD,
        ),
        Key("description", TEXT, "What it does, for a person."),
        Key(
            "config",
            MapOf("a map of keys", Text("a key"), Either(_TYPE, CONFIG_KEY)),
            "What it reads from `wasi:config/store`: a type, or a map with `type`, `default`, `description`.",
            "none",
            enforced="link",
            proof=_CONFIG,
        ),
        Key(
            "claims",
            CLAIMS,
            "The most that it asks for: what it is granted beyond that is refused, and never reaches it.",
            "whatever it is granted",
            enforced="link, capability for each run",
            proof="tests/security/test_claims.py",
        ),
    ),
    _component,
    title="Component",
)
