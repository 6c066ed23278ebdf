"""Building components from JavaScript: what it needs, how that is installed, and what is said when it fails."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import resources
from orchestrator.engine import _javascript_builder as builder
from orchestrator.engine import _sources
from orchestrator.engine import build as module
from orchestrator.engine._build_failure import message
from orchestrator.engine.build import build, built
from orchestrator.errors import BuildError
from orchestrator.manifest.model import Claims, ComponentManifest

APP = "export function greet(name) { return `Hello, ${name}`; }\n"
WORLD = "package test:greeter@0.1.0;\nworld greeter { export greet: func(name: string) -> string; }\n"
INSTALLS = """
import os, pathlib, sys
mark = pathlib.Path("node_modules/@bytecodealliance/componentize-js/package.json")
mark.parent.mkdir(parents=True)
mark.write_text("{}")
pathlib.Path("asked.txt").write_text(repr([sys.argv[1:], sorted(os.environ)]))
"""
BUILDS = "import pathlib, sys; pathlib.Path(sys.argv[-1]).write_text(repr(sys.argv[1:]))"
NEEDS = "componentize-js, which builds components from JavaScript, needs Node 20 or later with npm"
REMEDY = "install it from https://nodejs.org, so that `node` and `npm` are on PATH"


@pytest.fixture
def source(tmp_path: Path) -> ComponentManifest:
    folder = tmp_path / "greeter"
    (folder / "wit").mkdir(parents=True)
    (folder / "wit" / "world.wit").write_text(WORLD)
    (folder / "app.js").write_text(APP)
    return ComponentManifest("greeter", "0.1.0", "javascript", "test:greeter/greeter", folder=folder)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts Python scripts in the places of programs; none but these is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, script: str) -> None:
        path = folder / name
        path.write_text(f"#!{sys.executable}\n{script}")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    return put


def node(version: str) -> str:
    return f"import sys\nif sys.argv[1:] == ['--version']: print('{version}')\nelse:\n    {BUILDS}"


@pytest.fixture
def node_and_npm(programs: Any) -> Any:
    programs("node", node("v20.1.0"))
    programs("npm", INSTALLS)
    return programs


def folders(cache: Path) -> list[Path]:
    return [path for path in cache.glob(".componentize-js-*") if path.is_dir()]


def test_the_builder_is_installed_once_and_told(source: ComponentManifest, cache: Path, node_and_npm: Any) -> None:
    told: list[str] = []
    build(source, cache, progress=told.append)
    (source.folder / "app.js").write_text(f"{APP}// another\n")
    build(source, cache, progress=told.append)
    assert told[:2] == [
        "installing componentize-js 0.23.0 with npm (half a minute or so, once)",
        "building `greeter` with componentize-js 0.23.0 (twenty seconds or so, once)",
    ]
    assert sum(line.startswith("installing") for line in told) == 1
    assert len(folders(cache)) == 1


def test_npm_takes_what_the_lock_says_and_sees_no_secret(
    source: ComponentManifest, cache: Path, node_and_npm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "42")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("npm_config_registry", "http://registry")
    build(source, cache)
    (folder,) = folders(cache)
    arguments, names = eval((folder / "asked.txt").read_text())
    assert arguments[:2] == ["ci", "--ignore-scripts"]
    assert {"HTTPS_PROXY", "npm_config_registry"} <= set(names)
    assert "MY_SECRET" not in names
    shipped = Path(builder.__file__).with_name("javascript")
    assert (folder / "package-lock.json").read_bytes() == (shipped / "package-lock.json").read_bytes()


def test_a_builder_that_is_damaged_is_installed_again(
    source: ComponentManifest, cache: Path, node_and_npm: Any
) -> None:
    build(source, cache)
    (folder,) = folders(cache)
    (folder / "node_modules/@bytecodealliance/componentize-js/package.json").unlink()
    (source.folder / "app.js").write_text(f"{APP}// another\n")
    told: list[str] = []
    build(source, cache, progress=told.append)
    assert told[0].startswith("installing")


def test_other_versions_of_the_builder_go_when_they_are_old(
    source: ComponentManifest, cache: Path, node_and_npm: Any
) -> None:
    for name, when in (("old", 1), ("new", None)):
        (cache / f".componentize-js-0.1-{name}").mkdir(parents=True)
        if when:
            os.utime(cache / f".componentize-js-0.1-{name}", (when, when))
    build(source, cache)
    assert sorted(path.name.rpartition("-")[2] for path in folders(cache))[-1] == "new"
    assert len(folders(cache)) == 2


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ({}, f"{NEEDS}, and there is no `node` and no `npm` on PATH; {REMEDY}"),
        ({"node": node("v20.1.0")}, f"{NEEDS}, and there is no `npm` on PATH; {REMEDY}"),
        ({"node": node("v18.20.1"), "npm": ""}, f"{NEEDS}, and `node` is 18.20.1; {REMEDY}"),
        ({"node": "import sys; sys.exit(1)", "npm": ""}, f"{NEEDS}, and `node` is none that can be run; {REMEDY}"),
    ],
)
def test_what_is_needed(source: ComponentManifest, cache: Path, programs: Any, there: dict[str, str], why: str) -> None:
    for name, script in there.items():
        programs(name, script)
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == why
    assert builder.missing() == why


def test_an_installation_that_fails(source: ComponentManifest, cache: Path, node_and_npm: Any) -> None:
    node_and_npm(
        "npm",
        "import sys\nprint('npm error code ENOTFOUND\\n\\nnpm error A complete log of this run "
        "can be found in: /x/_logs/y', file=sys.stderr)\nsys.exit(1)",
    )
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        "the packages of componentize-js 0.23.0, which builds components from JavaScript, cannot be installed: "
        "npm ended with exit code 1\n"
        "  npm error code ENOTFOUND\n"
        "  help: npm fetches them once from its registry; without a network, or behind a proxy, set npm's `registry`\n"
        "  or `proxy` to what can be reached, or build where there is a network and use the .wasm"
    )
    assert folders(cache) == []


def test_an_installation_that_takes_too_long(
    source: ComponentManifest, cache: Path, node_and_npm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "TIMEOUT", 0.2)
    node_and_npm("npm", "import time; time.sleep(60)")
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert "cannot be installed: npm took more than 0.2 s and was stopped\n" in str(caught.value)


@pytest.mark.parametrize(
    ("claims", "features"),
    [
        (None, "stdio random clocks http"),
        (Claims(), "stdio"),
        (Claims(stdio="none"), ""),
        (Claims(stdio="none", clock="wall", random="seeded", http=("https://a/**",)), "random clocks http"),
    ],
)
def test_the_engine_has_what_the_component_claims(
    source: ComponentManifest, cache: Path, node_and_npm: Any, claims: Claims | None, features: str
) -> None:
    path = build(replace(source, claims=claims), cache)
    assert eval(path.read_text())[5] == features


def test_other_claims_are_another_build(source: ComponentManifest, cache: Path, node_and_npm: Any) -> None:
    assert build(source, cache) != build(replace(source, claims=Claims()), cache)


def test_a_source_without_its_module(source: ComponentManifest, cache: Path) -> None:
    (source.folder / "app.js").unlink()
    with pytest.raises(BuildError) as caught:
        build(source, cache)
    assert str(caught.value) == (
        f"component `greeter` ({source.folder}) has no `app.js`; "
        "`module` in its component.yaml names the JavaScript module that implements its world"
    )


def test_a_build_that_ships_is_taken_without_node(
    source: ComponentManifest, cache: Path, programs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    monkeypatch.setattr(resources, "built", lambda: shipped)
    assert built(source, cache) is None
    name = module._file_name(source, _sources.collect(source, resources.wit()))
    (shipped / name).write_bytes(b"ready")
    assert built(source, cache) == cache / name
    told: list[str] = []
    assert build(source, cache, progress=told.append).read_bytes() == b"ready"
    assert told == []
    (source.folder / "app.js").write_text(f"{APP}// another\n")
    with pytest.raises(BuildError, match="needs Node"):
        build(source, cache)


SOURCE = ComponentManifest("greeter", "0.1.0", "javascript", "test:greeter/greeter", folder=Path("/here/greeter"))
WIZER = "Failed to initialize component (wizer (/x/wizer)):\nException while evaluating top-level script\n"
WORDS = {
    "raised": (
        f"{WIZER}app.js:1:7 Error: at start\nAdditionally, some promises were rejected, but the rejection never "
        "handled:\nPromise rejected but never handled: at start\nStack:\n  @app.js:1:7",
        "  app.js:1:7 Error: at start",
    ),
    "absent": (
        f'{WIZER}ReferenceError: Error loading module "lodash" (resolved path "lodash"): No such file or directory',
        '  ReferenceError: Error loading module "lodash" (resolved path "lodash"): No such file or directory\n'
        "  help: a component has the modules of its own folder; `lodash` is not there: copy it into it",
    ),
    "export": (
        'Unable to extract expected exports list\nError: "source.js" does not export a "greet" function as expected '
        "by the world.\n  Try defining it:\n  export function greet() {};",
        '  Error: `app.js` does not export a "greet" function as expected by the world.\n    Try defining it:\n'
        "    export function greet() {};",
    ),
    "world": (
        "World `greeter` not found in package `test:greeter@0.1.0`",
        "  its world, `test:greeter/greeter`, is not in its WIT",
    ),
    "nothing": ("", "  componentize-js ended with exit code 1 and said nothing"),
}


@pytest.mark.parametrize("case", WORDS)
def test_what_is_said_of_a_build_that_failed(case: str) -> None:
    said, words = WORDS[case]
    head = "component `greeter` (/here/greeter) does not build:\n"
    assert message(SOURCE, Path("/tmp/.build-1"), "componentize-js", 1, said) == head + words


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for the tests that build, so that the builder is installed once."""
    if why := builder.missing():
        pytest.skip(f"nothing is built from JavaScript: {why}")
    return tmp_path_factory.mktemp("cache")


@pytest.mark.slow
def test_a_real_build_of_several_modules(source: ComponentManifest, kept: Path) -> None:
    (source.folder / "inner").mkdir()
    (source.folder / "words.js").write_text("export const hello = 'Hello';\n")
    (source.folder / "inner" / "main.js").write_text(
        "import { hello } from '../words.js';\nexport function greet(name) { return `${hello}, ${name}`; }\n"
    )
    path = build(replace(source, module="inner.main", claims=Claims(stdio="none")), kept)
    binary = path.read_bytes()
    assert binary[:8] == b"\0asm\x0d\0\1\0"
    assert str(kept).encode() not in binary
    assert str(source.folder).encode() not in binary


@pytest.mark.slow
@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("export function greet( {", "SyntaxError: Expected"),
        ("import x from 'lodash'; export function greet() {}", "copy it into it"),
        ("export function other() {}", '`app.js` does not export a "greet" function'),
        ("throw new Error('at start'); export function greet() {}", "app.js:1:7 Error: at start"),
    ],
)
def test_a_real_failure(source: ComponentManifest, kept: Path, app: str, words: str) -> None:
    (source.folder / "app.js").write_text(app)
    with pytest.raises(BuildError) as caught:
        build(source, kept)
    assert words in str(caught.value)
    assert str(kept) not in str(caught.value)
