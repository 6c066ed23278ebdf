"""What WASI gives a guest: what was granted, and nothing around it. Guests in WAT; others are in tests/security."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.capability import Authority
from orchestrator.capability.storage import Preopen
from orchestrator.engine import Engine
from orchestrator.errors import Trapped
from tests.support.hosted import hosted
from tests.support.leftovers import left_alive
from tests.support.wasi_guests import CLI, CREATE, FILES, READ, TRUNCATE, WRITE, said
from tests.wasm.engine_calls import call


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder to grant, with ways out of it, beside a secret."""
    folder = tmp_path / "shared"
    (folder / "in").mkdir(parents=True)
    (tmp_path / "secret").write_text("secret")
    (folder / "text").write_text("text")
    (folder / "in" / "deep").write_text("deep")
    (folder / "near").symlink_to("text")
    (folder / "up").symlink_to("..")
    (folder / "far").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to("../secret")
    (folder / "round").symlink_to("in/../../secret")
    (folder / "loop").symlink_to("loop")
    (folder / "root").symlink_to("/")
    return folder


def _granted(folder: Path, *, writable: bool = False) -> Authority:
    return Authority(preopens=(Preopen(str(folder), "/data", writable),))


@pytest.mark.parametrize("path", ["text", "in/deep", "./text", "in/../text", "near"])
def test_what_is_in_the_folder_can_be_read(engine: Engine, shared: Path, path: str) -> None:
    with hosted(engine, FILES, _granted(shared)) as made:
        assert said(call(made, "open", path, 1, 0, READ)) == "ok"


@pytest.mark.parametrize("writable", [True, False])
@pytest.mark.parametrize(
    "path",
    ["../secret", "up/secret", "far", "out", "round", "in/../../secret", "/etc/passwd", "/", "..", "loop", "up", "root",
     "root/etc/passwd", "in/../..", "./../secret", "up/shared/text", "//etc/passwd", "text/../../secret"],
)  # fmt: skip
@pytest.mark.parametrize("follow", [0, 1])
def test_nothing_outside_the_folder_can_be_opened(
    engine: Engine, shared: Path, path: str, follow: int, writable: bool
) -> None:
    with hosted(engine, FILES, _granted(shared, writable=writable)) as made:
        for how, flags in ((0, READ), (0, READ | WRITE), (CREATE, WRITE), (2, READ), (TRUNCATE, WRITE)):
            assert said(call(made, "open", path, follow, how, flags)) != "ok"
        for name in ("../secret", "up/secret", "round/../secret", "/etc/passwd"):
            assert said(call(made, "unlink", name)) != "ok"
    assert (shared.parent / "secret").read_text() == "secret"


@pytest.mark.parametrize("path", ["te\0xt", "\0", "", "x" * 300, "x/" * 3000, "text/", "ä\U0001f600"])
def test_strange_paths_are_errors_and_nothing_else(engine: Engine, shared: Path, path: str) -> None:
    with hosted(engine, FILES, _granted(shared, writable=True)) as made:
        assert said(call(made, "open", path, 1, 0, READ)) != "ok"
        assert not made.ended


def test_a_folder_that_is_not_writable(engine: Engine, shared: Path) -> None:
    with hosted(engine, FILES, _granted(shared)) as made:
        for path, how, flags in (
            ("new", CREATE, WRITE),
            ("text", 0, WRITE),
            ("text", TRUNCATE, READ),
        ):
            assert said(call(made, "open", path, 1, how, flags)) in ("not-permitted", "read-only")
        assert said(call(made, "unlink", "text")) == "read-only"
    assert (shared / "text").read_text() == "text"
    assert not (shared / "new").exists()


def test_a_folder_that_is_writable(engine: Engine, shared: Path) -> None:
    with hosted(engine, FILES, _granted(shared, writable=True)) as made:
        assert said(call(made, "open", "new", 1, CREATE, WRITE)) == "ok"
        assert said(call(made, "open", "text", 1, TRUNCATE, WRITE)) == "ok"
        assert said(call(made, "unlink", "near")) == "ok"
        assert said(call(made, "unlink", "out")) == "ok"
    assert (shared / "new").read_text() == ""
    assert (shared / "text").read_text() == ""
    assert (shared.parent / "secret").read_text() == "secret"


def test_without_a_grant_there_is_no_folder(engine: Engine) -> None:
    with hosted(engine, FILES) as made:
        assert call(made, "count") == 0


def test_a_guest_sees_the_environment_it_is_given_and_no_other(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    with hosted(engine, CLI) as made:
        assert call(made, "environment") == []
    given = (("A", "1"), ("EMPTY", ""), ("TEXT", "ä = \U0001f600\n"))
    with hosted(engine, CLI, Authority(environment=given)) as made:
        assert call(made, "environment") == list(given)


def test_what_a_guest_prints_is_captured_for_its_own_instance(engine: Engine) -> None:
    first: list[tuple[str, bytes]] = []
    second: list[tuple[str, bytes]] = []
    with (
        hosted(engine, CLI, output=lambda *what: first.append(what)) as one,
        hosted(engine, CLI, output=lambda *what: second.append(what)) as two,
    ):
        assert not call(one, "print", False, b"out\0\xff")
        assert not call(two, "print", True, b"err")
        assert not call(one, "print", True, b"x" * 4096)
        assert (first, second) == ([("stdout", b"out\0\xff"), ("stderr", b"x" * 4096)], [("stderr", b"err")])
    assert not left_alive()


@pytest.mark.parametrize("stdio", ["none", "captured"])
def test_what_nobody_takes_goes_nowhere(engine: Engine, capfd: pytest.CaptureFixture[str], stdio: str) -> None:
    with hosted(engine, CLI, Authority(stdio=stdio)) as made:  # type: ignore[arg-type]
        call(made, "print", False, b"out")
        call(made, "print", True, b"err")
    assert capfd.readouterr() == ("", "")


def test_inherited_output_is_the_process_s_own(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    with hosted(engine, CLI, Authority(stdio="inherit")) as made:
        call(made, "print", False, b"out")
        call(made, "print", True, b"err")
    assert capfd.readouterr() == ("out", "err")


def test_an_output_that_raises_does_not_disturb_the_guest(engine: Engine) -> None:
    def full(*_: object) -> None:
        raise OSError("full")

    with hosted(engine, CLI, output=full) as made:
        assert not call(made, "print", False, b"out")
        assert not made.ended


@pytest.mark.parametrize(("failed", "code"), [(False, 0), (True, 1)])
def test_a_guest_that_exits_ends_itself_alone(engine: Engine, failed: bool, code: int) -> None:
    with hosted(engine, CLI) as made:
        with pytest.raises(Trapped) as caught:
            call(made, "exit", failed)
        assert caught.value.message == f"the guest ended itself with exit code {code}"


def test_a_folder_taken_away_later_is_an_error_of_the_guest(engine: Engine, shared: Path) -> None:
    with hosted(engine, FILES, _granted(shared)) as made:
        moved = shared.rename(shared.parent / "moved")
        assert said(call(made, "open", "text", 1, 0, READ)) == "ok"
        (moved / "text").unlink()
        assert said(call(made, "open", "text", 1, 0, READ)) == "no-entry"
