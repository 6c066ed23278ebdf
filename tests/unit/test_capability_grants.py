"""Grants: refused with every reason before anything runs, prepared as the authority of an instance."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pytest

from orchestrator.capability import Authority, Operator, Preopen, prepare, prepare_once, validate
from orchestrator.diagnostics import Source, Span
from orchestrator.errors import RunError
from orchestrator.interface.types import STRING, U32, Enum, Type
from orchestrator.manifest.model import Grants, Http, Secret, Storage, Where


@dataclass(frozen=True)
class Declared:
    type: Type
    is_path: bool = False


INPUTS = {"folder": Declared(STRING, True), "kind": Declared(Enum(("docs", "code"))), "name": Declared(STRING)}


KEY = Secret("API_KEY", "https://a.example", "Authorization: Bearer {}")


def reasons(grants: Grants) -> list[str]:
    return [found.message for found in validate(grants, "files", Where(), INPUTS)]


def storage(path: str, at: str = "/data", access: Any = "read") -> Grants:
    return Grants(storage=(Storage(path, at, access),))


@pytest.mark.parametrize(
    "path",
    [
        "data",
        "./data/",
        "/srv/data",
        "../docs",
        "${inputs.folder}",
        "${inputs.folder}/${inputs.kind}",
        "x/${inputs.kind}-1",
    ],
)
@pytest.mark.parametrize("at", ["/", "/data", "/data/of.mine", "/a b", "/é"])
def test_good_storage_is_granted(path: str, at: str) -> None:
    assert reasons(storage(path, at)) == []


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "`path` is empty"),
        ("a\0b", "`path` has a NUL or invalid Unicode in it"),
        ("\ud800", "`path` has a NUL or invalid Unicode in it"),
        ("a" * 5000, "`path` has 5000 characters, at most 4096 are allowed"),
        ("${HOME}", "`${HOME}` is not known in a granted path"),
        ("${inputs.folder", "`${inputs.folder` is not known in a granted path"),
        ("${inputs.oops}", "`${inputs.oops}` names no input of the pipeline"),
        ("${inputs.name}", "the input `name` cannot be part of a granted path"),
        ("x/${inputs.folder}", "`${inputs.folder}` is a path and must stand at the start of the granted path"),
        ("${inputs.folder}/../..", "a path that starts from an input may not go up by `..`"),
    ],
)
def test_a_bad_path_of_the_host_is_refused(path: str, message: str) -> None:
    assert reasons(storage(path)) == [message]


@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("", "`at` is empty"),
        ("data", "`at` is `data`, a guest's path is absolute"),
        ("/data/", "`at` is `/data/`, it may not have empty parts, `.` or `..`"),
        ("//data", "`at` is `//data`, it may not have empty parts, `.` or `..`"),
        ("/data/../etc", "`at` is `/data/../etc`, it may not have empty parts, `.` or `..`"),
        ("/./data", "`at` is `/./data`, it may not have empty parts, `.` or `..`"),
        ("/da\0ta", "`at` has a NUL or invalid Unicode in it"),
    ],
)
def test_a_bad_path_of_the_guest_is_refused(at: str, message: str) -> None:
    assert reasons(storage("data", at)) == [message]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("/data", "/data", "`/data` is granted twice"),
        ("/data", "/data/more", "`/data/more` and `/data` lie in one another"),
        ("/data/more", "/data", "`/data` and `/data/more` lie in one another"),
        ("/", "/data", "`/data` and `/` lie in one another"),
    ],
)
def test_guest_paths_lie_apart(first: str, second: str, message: str) -> None:
    assert reasons(Grants(storage=(Storage("a", first), Storage("b", second)))) == [message]


def test_guest_paths_with_a_common_beginning_lie_apart() -> None:
    assert reasons(Grants(storage=(Storage("a", "/data"), Storage("b", "/data2"), Storage("c", "/da")))) == []


def test_other_words_for_access_and_stdio_are_refused() -> None:
    assert reasons(storage("data", access="all")) == ["`access` is `all`, expected read or write"]
    mode: Any = "loud"
    assert reasons(Grants(stdio=mode)) == ["`stdio` is `loud`, expected one of none, captured, inherit"]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"": "x"}, "a variable of the environment has an empty name"),
        ({"A=B": "x"}, "`A=B` is no name of a variable: `=`, NUL and invalid Unicode cannot stand in one"),
        ({"A\0": "x"}, "`A\0` is no name of a variable: `=`, NUL and invalid Unicode cannot stand in one"),
        ({"A": "x\0y"}, "the value of the variable `A` has a NUL or invalid Unicode in it"),
        ({"A": 3}, "the value of the variable `A` is a string, found 3"),
        ({3: "x"}, "the name of a variable is a string, found 3"),
    ],
)
def test_what_no_environment_can_hold_is_refused(variables: Any, message: str) -> None:
    assert reasons(Grants(environment=variables)) == [message]


def test_every_reason_comes_at_once_and_on_its_node() -> None:
    grants = Grants(storage=(Storage("", "data"),), environment={"": ""}, stdio="captured")
    found = validate(grants, "files", Where(), INPUTS)
    assert [str(diagnostic) for diagnostic in found] == [
        "error[grant]: `path` is empty\n --> node `files`",
        "error[grant]: `at` is `data`, a guest's path is absolute\n --> node `files`\n = help: write `/data`",
        "error[grant]: a variable of the environment has an empty name\n --> node `files`",
    ]


def test_a_reason_stands_where_the_value_does() -> None:
    source = Source("p.yaml", 'storage: [{path: d, at: "x"}]')
    span = Span(source, 1, 25, 1, 28)
    where = Where(inner={"storage": Where(inner={0: Where(inner={"at": Where(span)})})})
    (found,) = validate(storage("d", "x"), "files", where, {})
    assert found.span == span


def test_nothing_granted_is_nothing() -> None:
    assert prepare(Grants(), {}, Path("/")) == Authority()


def test_a_relative_path_starts_from_the_folder_of_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    found = prepare(storage("data", "/d", "write"), {}, tmp_path)
    assert found.preopens == (Preopen(str((tmp_path / "data").resolve()), "/d", True, place="grants.storage[0]"),)


def test_an_escaped_dollar_stands_for_itself(tmp_path: Path) -> None:
    (tmp_path / "${x}").mkdir()
    grants = storage("$${x}", "/data")
    assert validate(grants, "files", Where(), {}) == ()
    assert prepare(grants, {}, tmp_path).preopens[0].host == str(tmp_path / "${x}")


def test_inputs_of_the_run_are_put_into_a_path(tmp_path: Path) -> None:
    (tmp_path / "given" / "docs").mkdir(parents=True)
    grants = storage("${inputs.folder}/${inputs.kind}")
    inputs = {"folder": str(tmp_path / "given"), "kind": "docs"}
    found = prepare(grants, inputs, Path("/elsewhere"))
    host = str((tmp_path / "given" / "docs").resolve())
    assert found.preopens == (Preopen(host, "/data", False, place="grants.storage[0]"),)


def test_a_path_object_may_be_an_input(tmp_path: Path) -> None:
    found = prepare(storage("${inputs.folder}"), {"folder": tmp_path}, Path("/elsewhere"))
    assert found.preopens[0].host == str(tmp_path.resolve())


def test_text_that_looks_like_a_variable_in_an_input_stays_text(tmp_path: Path) -> None:
    (tmp_path / "${inputs.kind}").mkdir()
    found = prepare(storage("${inputs.folder}"), {"folder": str(tmp_path / "${inputs.kind}"), "kind": "x"}, Path("/"))
    assert found.preopens[0].host == str((tmp_path / "${inputs.kind}").resolve())


def test_a_linked_folder_is_opened_where_it_really_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert prepare(storage("link"), {}, tmp_path).preopens[0].host == str((tmp_path / "real").resolve())


def test_environment_and_stdio_are_handed_on_in_order() -> None:
    found = prepare(Grants(environment={"B": "2", "A": "1"}, stdio="none"), {}, Path())
    assert found == Authority(environment=(("A", "1"), ("B", "2")), stdio="none")


def failure(grants: Grants, inputs: dict[str, Any], folder: Path) -> str:
    with pytest.raises(RunError) as caught:
        prepare(grants, inputs, folder, "files")
    assert caught.value.node == "files"
    return caught.value.message


def test_a_folder_that_is_missing_ends_the_run(tmp_path: Path) -> None:
    assert failure(storage("none"), {}, tmp_path) == f"the folder granted at `/data` does not exist: {tmp_path}/none"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    expected = f"the folder granted at `/data` is not a directory: {(tmp_path / 'file').resolve()}"
    assert failure(storage("file"), {}, tmp_path) == expected
    assert "cannot be opened" in failure(storage("file/below"), {}, tmp_path)


def test_links_in_a_circle_are_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert failure(storage("a"), {}, tmp_path).startswith("the folder granted at `/data` cannot be opened: ")


def test_an_input_that_is_no_path_ends_the_run(tmp_path: Path) -> None:
    grants = storage("${inputs.folder}")
    expected = "the input `folder` is used in a granted path and has no value"
    assert failure(grants, {}, tmp_path) == expected
    assert failure(grants, {"folder": 3}, tmp_path) == expected
    assert failure(grants, {"folder": ""}, tmp_path) == "the folder granted at `/data` has no usable path: ''"
    assert (
        failure(grants, {"folder": "a\0b"}, tmp_path) == "the folder granted at `/data` has no usable path: 'a\\x00b'"
    )
    assert "cannot be opened" in failure(grants, {"folder": "x" * 5000}, tmp_path)
    assert "cannot be opened" in failure(grants, {"folder": "\ud800"}, tmp_path)


def test_a_type_that_is_neither_path_nor_enum_is_refused() -> None:
    found = validate(storage("${inputs.n}"), "files", Where(), {"n": Declared(U32)})
    assert [diagnostic.help for diagnostic in found] == [("only inputs of type `path` or an enum can",)]


@pytest.mark.parametrize(
    ("grants", "message"),
    [
        (Grants(clock=cast(Any, "sun")), "`clock` is `sun`, expected one of `none`, `fixed`, `monotonic`, `wall`"),
        (Grants(clock="wall", clock_at=1.0), "`clock` is `wall` and has a time to stand at: only `fixed` stands"),
        (
            Grants(clock="fixed", clock_at=-1.0),
            "`clock` stands at -1.0 seconds from 1970: expected from 0 to 253402300799",
        ),
        (
            Grants(clock="fixed", clock_at=math.nan),
            "`clock` stands at nan seconds from 1970: expected from 0 to 253402300799",
        ),
        (Grants(random=cast(Any, "dice")), "`random` is `dice`, expected one of `none`, `seeded`, `secure`"),
        (Grants(random="secure", random_seed=1), "`random` is `secure` and has a seed: only `seeded` has one"),
        (Grants(random="seeded", random_seed=-1), "the seed of `random` is -1: expected at least 0"),
        (Grants((Storage("d", "/d", "write", quota=-1),)), "`quota` is -1: expected at least 0"),
        (Grants((Storage("d", "/d", "write", files=-1),)), "`files` is -1: expected at least 0"),
        (
            Grants((Storage("d", "/d", quota=5),)),
            "`quota` bounds what is added to a folder, and this one is granted to read",
        ),
        (
            Grants((Storage("d", "/d", files=5),)),
            "`files` bounds what is added to a folder, and this one is granted to read",
        ),
        (
            Grants(secrets=(KEY,)),
            "the secret `API_KEY` goes to `https://a.example`, where no request of `files` may go",
        ),
        (
            Grants(http=(Http("http://a.example/**"), Http("https://a.example:444/**")), secrets=(KEY,)),
            "the secret `API_KEY` goes to `https://a.example`, where no request of `files` may go",
        ),
        (
            Grants(
                http=(Http("https://a.example/**"),),
                secrets=(KEY, Secret("OTHER", "https://a.example", "authorization: Basic {}")),
            ),
            "`authorization: Basic {}` is the header of the secret `API_KEY`, too: a request has it once",
        ),
        (
            Grants(http=(Http("https://a.example/**"),), secrets=(replace(KEY, header="Range: {}"),)),
            "`Range` is a header of the host's own",
        ),
    ],
)
def test_what_a_program_may_say_wrong_of_the_other_powers_is_refused(grants: Grants, message: str) -> None:
    assert reasons(grants) == [message]


@pytest.mark.parametrize(
    "http", ["https://a.example/v1/*", "https://*.example/**", "https://a.example:443/x", "https://a.${inputs.kind}/**"]
)
def test_a_secret_goes_where_some_request_may_go(http: str) -> None:
    assert reasons(Grants(http=(Http(http),), secrets=(KEY,))) == []


def test_what_requests_a_node_may_send_is_prepared_with_its_secrets_and_the_operator_s_addresses() -> None:
    network = ipaddress.ip_network("10.0.0.0/8")
    grants = Grants(http=(Http("https://a.${inputs.kind}/**", ("POST",), timeout=3.0),), secrets=(KEY,))
    operator = Operator({"API_KEY": "hunter2-hunter2"}, (network,))
    found = prepare(grants, {"kind": "code"}, Path(), "a", operator)
    (rule,), (secret,) = found.http, found.secrets
    assert (rule.text, rule.methods, rule.timeout) == ("https://a.code/**", frozenset({"POST"}), 3.0)
    assert rule.place.startswith("grants.http[0]")
    assert (secret.text, secret.origin, secret.place) == (
        "Bearer hunter2-hunter2",
        "https://a.example",
        "grants.secrets[0]",
    )
    assert found.networks == (network,)
    assert "hunter2" not in repr(found) + repr(operator) + str(operator)


@pytest.mark.parametrize("value", ["short", "has\nnew lines in it", "h\u00e4s umlauts in it"])
def test_a_secret_that_cannot_be_used_is_never_shown(value: str) -> None:
    grants = Grants(http=(Http("https://a.example/**"),), secrets=(KEY,))
    with pytest.raises(RunError) as caught:
        prepare(grants, {}, Path(), "a", Operator({"API_KEY": value}))
    assert "API_KEY" in caught.value.message
    assert value not in str(caught.value) + repr(caught.value)


def test_what_is_the_same_in_every_run_is_prepared_once() -> None:
    http, optional = Http("https://a.example/**"), replace(KEY, optional=True)
    given = Operator({"API_KEY": "hunter2-hunter2"})
    assert prepare_once(Grants(clock="wall")) == prepare(Grants(clock="wall"), {}, Path())
    assert prepare_once(storage("data")) is None
    assert prepare_once(Grants(http=(Http("https://a.${inputs.kind}/**"),))) is None
    assert prepare_once(Grants(http=(http,), secrets=(KEY,))) is None
    assert prepare_once(Grants(http=(http,), secrets=(optional,))) is not None
    found = prepare_once(Grants(http=(http,), secrets=(KEY,)), "a", given)
    assert found is not None
    assert len(found.secrets) == 1
