"""A component, as WAT, that uses files and standard output in a loop: the guest of `policy`.

It imports WASI as any compiler's output does, calls it through a table that is filled in the end, as `wit-component`
has it, and exports `bench:guest/host`, each function of it `func(times: u32) -> u32`, which gives how often all went
well:

    allowed, denied   asks what `file` is, or `../file`, in the first folder that it is granted
    print             prints a line of twenty bytes
    small, large      reads a file of the first folder: a hundred bytes of `small`, or all of `large`, a megabyte
"""

from __future__ import annotations

LINE = b"a line of 20 bytes.\n"
SMALL, LARGE = 100, 1 << 20
INTERFACE = "bench:guest/host"
NAMES = ("allowed", "denied", "print", "small", "large")

_ERRORS = (
    "access", "would-block", "already", "bad-descriptor", "busy", "deadlock", "quota", "exist", "file-too-large",
    "illegal-byte-sequence", "in-progress", "interrupted", "invalid", "io", "is-directory", "loop", "too-many-links",
    "message-size", "name-too-long", "no-device", "no-entry", "no-lock", "insufficient-memory", "insufficient-space",
    "not-directory", "not-empty", "not-recoverable", "unsupported", "no-tty", "no-such-device", "overflow",
    "not-permitted", "pipe", "read-only", "invalid-seek", "text-file-busy", "cross-device",
)  # fmt: skip
_KINDS = (
    "unknown", "block-device", "character-device", "directory", "fifo", "symbolic-link", "regular-file", "socket",
)  # fmt: skip
_DATA = b"file../filesmall\0\0\0large" + LINE
"""What lies at 256 in the guest's memory: `file` at 256, `../file` at 260, `small` at 267, `large` at 275, the line at
280."""
_TABLE = {
    "write": "(param i32 i32 i32 i32)",
    "folders": "(param i32)",
    "stat": "(param i32 i32 i32 i32 i32)",
    "open": "(param i32 i32 i32 i32 i32 i32 i32)",
    "read": "(param i32 i64 i64 i32)",
}
"""The functions that are called through the table, in its order, and their types."""
_FILES = ("small", 267, SMALL), ("large", 275, LARGE)


def _flags(*names: str) -> str:
    return " ".join(f'"{name}"' for name in names)


def wasi(version: str = "0.2.3") -> str:
    """The component."""
    shown = "".join(f"\\{byte:02x}" for byte in _DATA)
    exports = "\n".join(
        f'(func ${name} (param "times" u32) (result u32) (canon lift (core func $m "{name}")))' for name in NAMES
    )
    listed = " ".join(f'(export "{name}" (func ${name}))' for name in NAMES)
    calls = "\n".join(
        _CALL.format(name=name, at=at, type=type_, given=_given(type_)) for at, (name, type_) in _entries()
    )
    imports = "\n".join(f'(import "" "{at}" (func {type_}))' for at, (_, type_) in _entries())
    lowered = " ".join(f'(export "{at}" (func ${name}))' for at, (name, _) in _entries())
    places = " ".join(str(at) for at, _ in _entries())
    reads = "\n".join(_READ.format(name=name, at=at, size=size) for name, at, size in _FILES)
    return f"""(component
  (import "wasi:io/error@{version}" (instance $io (export "error" (type (sub resource)))))
  (alias export $io "error" (type $error))
  (import "wasi:io/streams@{version}" (instance $streams
    (alias outer 1 $error (type $e')) (export "error" (type $e (eq $e')))
    (type $fail' (variant (case "last-operation-failed" (own $e)) (case "closed")))
    (export "stream-error" (type $fail (eq $fail')))
    (export "output-stream" (type $stream (sub resource)))
    (export "[method]output-stream.blocking-write-and-flush" (func (param "self" (borrow $stream))
      (param "contents" (list u8)) (result (result (error $fail)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@{version}" (instance $stdout
    (alias outer 1 $stream (type $s')) (export "output-stream" (type $s (eq $s')))
    (export "get-stdout" (func (result (own $s))))))
  (import "wasi:filesystem/types@{version}" (instance $fs
    (export "descriptor" (type $d (sub resource)))
    (type $c' (enum {_flags(*_ERRORS)})) (export "error-code" (type $c (eq $c')))
    (type $p' (flags "symlink-follow")) (export "path-flags" (type $p (eq $p')))
    (type $o' (flags {_flags("create", "directory", "exclusive", "truncate")})) (export "open-flags" (type $o (eq $o')))
    (type $f' (flags {
        _flags(
            "read", "write", "file-integrity-sync", "data-integrity-sync", "requested-write-sync", "mutate-directory"
        )
    })) (export "descriptor-flags" (type $f (eq $f')))
    (type $t' (enum {_flags(*_KINDS)})) (export "descriptor-type" (type $t (eq $t')))
    (type $w' (record (field "seconds" u64) (field "nanoseconds" u32))) (export "datetime" (type $w (eq $w')))
    (type $s' (record (field "type" $t) (field "link-count" u64) (field "size" u64)
      (field "data-access-timestamp" (option $w)) (field "data-modification-timestamp" (option $w))
      (field "status-change-timestamp" (option $w))))
    (export "descriptor-stat" (type $s (eq $s')))
    (export "[method]descriptor.stat-at" (func (param "self" (borrow $d)) (param "path-flags" $p)
      (param "path" string) (result (result $s (error $c)))))
    (export "[method]descriptor.open-at" (func (param "self" (borrow $d)) (param "path-flags" $p)
      (param "path" string) (param "open-flags" $o) (param "flags" $f) (result (result (own $d) (error $c)))))
    (export "[method]descriptor.read" (func (param "self" (borrow $d)) (param "length" u64) (param "offset" u64)
      (result (result (tuple (list u8) bool) (error $c)))))))
  (alias export $fs "descriptor" (type $d))
  (import "wasi:filesystem/preopens@{version}" (instance $pre
    (alias outer 1 $d (type $d')) (export "descriptor" (type $dd (eq $d')))
    (export "get-directories" (func (result (list (tuple (own $dd) string)))))))
  (core module $libc
    (memory (export "memory") 40)
    (data (i32.const 256) "{shown}")
    (global $next (mut i32) (i32.const 4096))
    (func (export "reset") (global.set $next (i32.const 4096)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (core module $table (table (export "$imports") {len(_TABLE)} funcref)
    {calls})
  (core instance $table (instantiate $table))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $libc "memory"))))
  (core func $folders (canon lower (func $pre "get-directories")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $stat (canon lower (func $fs "[method]descriptor.stat-at") (memory (core memory $libc "memory"))))
  (core func $open (canon lower (func $fs "[method]descriptor.open-at") (memory (core memory $libc "memory"))))
  (core func $read (canon lower (func $fs "[method]descriptor.read")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $close (canon resource.drop $d))
  (core func $end (canon resource.drop $stream))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "libc" "reset" (func $reset))
    (import "w" "get" (func $get (result i32)))
    (import "w" "end" (func $end (param i32)))
    (import "w" "close" (func $close (param i32)))
    {" ".join(f'(import "table" "{name}" (func ${name} {type_}))' for name, type_ in _TABLE.items())}
    (func $first (result i32)
      (call $reset) (call $folders (i32.const 16))
      (if (i32.eqz (i32.load (i32.const 20))) (then unreachable))
      (i32.load (i32.load (i32.const 16))))
    {_STAT.format(name="allowed", at=256, size=4, want=0)}
    {_STAT.format(name="denied", at=260, size=7, want=1)}
    (func (export "print") (param $n i32) (result i32)
      (local $s i32) (local $well i32)
      (local.set $s (call $get))
      (loop $more
        (call $write (local.get $s) (i32.const 280) (i32.const {len(LINE)}) (i32.const 32))
        (local.set $well (i32.add (local.get $well) (i32.eqz (i32.load8_u (i32.const 32)))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $more (local.get $n)))
      (call $end (local.get $s))
      (local.get $well))
    {reads})
  (core instance $m (instantiate $m (with "libc" (instance $libc)) (with "table" (instance $table)) (with "w" (instance
    (export "get" (func $get)) (export "end" (func $end)) (export "close" (func $close))))))
  (core module $fill {imports} (import "" "$imports" (table {len(_TABLE)} funcref))
    (elem (i32.const 0) func {places}))
  (alias core export $table "$imports" (core table $imports))
  (core instance (instantiate $fill (with "" (instance (export "$imports" (table $imports)) {lowered}))))
  {exports}
  (instance $out {listed})
  (export "{INTERFACE}" (instance $out)))"""


def _entries() -> list[tuple[int, tuple[str, str]]]:
    return list(enumerate(_TABLE.items()))


def _given(type_: str) -> str:
    """All parameters of a function of that type, as it passes them on."""
    return " ".join(f"(local.get {number})" for number in range(type_.count(" i")))


_CALL = """
    (type ${name} (func {type}))
    (func (export "{name}") (type ${name}) {given} (call_indirect (type ${name}) (i32.const {at})))"""
_STAT = """
    (func (export "{name}") (param $n i32) (result i32)
      (local $d i32) (local $well i32)
      (local.set $d (call $first))
      (loop $more
        (call $reset)
        (call $stat (local.get $d) (i32.const 0) (i32.const {at}) (i32.const {size}) (i32.const 32))
        (local.set $well (i32.add (local.get $well) (i32.eq (i32.load8_u (i32.const 32)) (i32.const {want}))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $more (local.get $n)))
      (call $close (local.get $d))
      (local.get $well))"""
_READ = """
    (func (export "{name}") (param $n i32) (result i32)
      (local $d i32) (local $f i32) (local $well i32) (local $got i32)
      (local.set $d (call $first))
      (call $open (local.get $d) (i32.const 0) (i32.const {at}) (i32.const 5) (i32.const 0) (i32.const 1)
        (i32.const 32))
      (if (i32.load8_u (i32.const 32)) (then unreachable))
      (local.set $f (i32.load (i32.const 36)))
      (loop $more
        (local.set $got (i32.const 0))
        (loop $part
          (call $reset)
          (call $read (local.get $f) (i64.extend_i32_u (i32.sub (i32.const {size}) (local.get $got)))
            (i64.extend_i32_u (local.get $got)) (i32.const 32))
          (if (i32.load8_u (i32.const 32)) (then unreachable))
          (if (i32.eqz (i32.load (i32.const 40))) (then unreachable))
          (local.set $got (i32.add (local.get $got) (i32.load (i32.const 40))))
          (br_if $part (i32.lt_u (local.get $got) (i32.const {size}))))
        (local.set $well (i32.add (local.get $well) (i32.const 1)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $more (local.get $n)))
      (call $close (local.get $f))
      (call $close (local.get $d))
      (local.get $well))"""
