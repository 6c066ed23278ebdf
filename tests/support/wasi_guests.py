"""Components that use WASI by hand, for tests of what the engine grants."""

from __future__ import annotations

from tests.support.wat import MEMORY

_ERRORS = [
    "access",
    "would-block",
    "already",
    "bad-descriptor",
    "busy",
    "deadlock",
    "quota",
    "exist",
    "file-too-large",
    "illegal-byte-sequence",
    "in-progress",
    "interrupted",
    "invalid",
    "io",
    "is-directory",
    "loop",
    "too-many-links",
    "message-size",
    "name-too-long",
    "no-device",
    "no-entry",
    "no-lock",
    "insufficient-memory",
    "insufficient-space",
    "not-directory",
    "not-empty",
    "not-recoverable",
    "unsupported",
    "no-tty",
    "no-such-device",
    "overflow",
    "not-permitted",
    "pipe",
    "read-only",
    "invalid-seek",
    "text-file-busy",
    "cross-device",
]


def _quoted(names: list[str]) -> str:
    return " ".join(f'"{name}"' for name in names)


FILES = f"""(component
  (type $fs' (instance
    (export "descriptor" (type $d (sub resource)))
    (type $e' (enum {_quoted(_ERRORS)})) (export "error-code" (type $e (eq $e')))
    (type $p' (flags "symlink-follow")) (export "path-flags" (type $p (eq $p')))
    (type $o' (flags "create" "directory" "exclusive" "truncate")) (export "open-flags" (type $o (eq $o')))
    (type $f' (flags "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync"
      "mutate-directory")) (export "descriptor-flags" (type $f (eq $f')))
    (export "[method]descriptor.open-at" (func (param "self" (borrow $d)) (param "path-flags" $p)
      (param "path" string) (param "open-flags" $o) (param "flags" $f) (result (result (own $d) (error $e)))))
    (export "[method]descriptor.unlink-file-at" (func (param "self" (borrow $d)) (param "path" string)
      (result (result (error $e)))))))
  (import "wasi:filesystem/types@0.2.3" (instance $fs (type $fs')))
  (alias export $fs "descriptor" (type $d))
  (type $pre' (instance (alias outer 1 $d (type $d')) (export "descriptor" (type $d (eq $d')))
    (export "get-directories" (func (result (list (tuple (own $d) string)))))))
  (import "wasi:filesystem/preopens@0.2.3" (instance $pre (type $pre')))
  (core module $libc {MEMORY})
  (core instance $libc (instantiate $libc))
  (core func $open (canon lower (func $fs "[method]descriptor.open-at")
    (memory (core memory $libc "memory"))))
  (core func $unlink (canon lower (func $fs "[method]descriptor.unlink-file-at") (memory (core memory $libc "memory"))))
  (core func $folders (canon lower (func $pre "get-directories")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "fs" "open" (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "fs" "unlink" (func $unlink (param i32 i32 i32 i32)))
    (import "fs" "folders" (func $folders (param i32)))
    (func $first (result i32)
      (call $folders (i32.const 16))
      (if (i32.eqz (i32.load (i32.const 20))) (then unreachable))
      (i32.load (i32.load (i32.const 16))))
    (func $said (param $ok i32) (result i32)
      (if (result i32) (i32.load8_u (i32.const 32))
        (then (i32.add (i32.load8_u (local.get $ok)) (i32.const 1))) (else (i32.const 0))))
    (func (export "count") (result i32) (call $folders (i32.const 16)) (i32.load (i32.const 20)))
    (func (export "open") (param $path i32) (param $size i32) (param $follow i32) (param $how i32) (param $flags i32)
      (result i32)
      (call $open (call $first) (local.get $follow) (local.get $path) (local.get $size) (local.get $how)
        (local.get $flags) (i32.const 32))
      (call $said (i32.const 36)))
    (func (export "unlink") (param $path i32) (param $size i32) (result i32)
      (call $unlink (call $first) (local.get $path) (local.get $size) (i32.const 32))
      (call $said (i32.const 33))))
  (core instance $m (instantiate $m (with "libc" (instance $libc)) (with "fs" (instance
    (export "open" (func $open)) (export "unlink" (func $unlink)) (export "folders" (func $folders))))))
  (func (export "count") (result u32) (canon lift (core func $m "count")))
  (func (export "open") (param "path" string) (param "follow" u32) (param "how" u32) (param "flags" u32) (result u32)
    (canon lift (core func $m "open") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "unlink") (param "path" string) (result u32)
    (canon lift (core func $m "unlink") (memory (core memory $libc "memory"))
      (realloc (core func $libc "realloc")))))"""
"""`open` and `unlink` in the first folder it is granted: 0, or 1 + the number of the error."""


def said(number: int) -> str:
    """What the numbers of `FILES` mean."""
    return _ERRORS[number - 1] if number else "ok"


CREATE, TRUNCATE, READ, WRITE = 1, 8, 1, 2
"""Flags of `open`: how, and what for."""


def _stream(kind: str) -> str:
    return f"""
  (type ${kind}' (instance (alias outer 1 $stream (type $s')) (export "output-stream" (type $s (eq $s')))
    (export "get-{kind}" (func (result (own $s))))))
  (import "wasi:cli/{kind}@0.2.0" (instance ${kind} (type ${kind}')))
  (core func $get-{kind} (canon lower (func ${kind} "get-{kind}")))"""


CLI = f"""(component
  (type $io' (instance (export "error" (type (sub resource)))))
  (import "wasi:io/error@0.2.0" (instance $io (type $io')))
  (alias export $io "error" (type $error))
  (type $streams' (instance
    (alias outer 1 $error (type $error')) (export "error" (type $error (eq $error')))
    (type $fail' (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $fail (eq $fail')))
    (export "output-stream" (type $stream (sub resource)))
    (export "[method]output-stream.blocking-write-and-flush" (func (param "self" (borrow $stream))
      (param "contents" (list u8)) (result (result (error $fail)))))))
  (import "wasi:io/streams@0.2.0" (instance $streams (type $streams')))
  (alias export $streams "output-stream" (type $stream))
  {_stream("stdout")}
  {_stream("stderr")}
  (import "wasi:cli/environment@0.2.0" (instance $environment
    (export "get-environment" (func (result (list (tuple string string)))))
    (export "get-arguments" (func (result (list string))))))
  (import "wasi:cli/exit@0.2.0" (instance $exit (export "exit" (func (param "status" (result))))))
  (core module $libc {MEMORY})
  (core instance $libc (instantiate $libc))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $libc "memory"))))
  (core func $exit (canon lower (func $exit "exit")))
  (core func $environment (canon lower (func $environment "get-environment")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core module $m
    (import "libc" "memory" (memory 1))
    (import "cli" "stdout" (func $stdout (result i32)))
    (import "cli" "stderr" (func $stderr (result i32)))
    (import "cli" "write" (func $write (param i32 i32 i32 i32)))
    (import "cli" "exit" (func $exit (param i32)))
    (import "cli" "environment" (func $environment (param i32)))
    (func (export "print") (param $error i32) (param $at i32) (param $size i32) (result i32)
      (call $write (if (result i32) (local.get $error) (then (call $stderr)) (else (call $stdout)))
        (local.get $at) (local.get $size) (i32.const 16))
      (i32.load8_u (i32.const 16)))
    (func (export "exit") (param i32) (call $exit (local.get 0)))
    (func (export "environment") (result i32) (call $environment (i32.const 16)) (i32.const 16)))
  (core instance $m (instantiate $m (with "libc" (instance $libc)) (with "cli" (instance
    (export "stdout" (func $get-stdout)) (export "stderr" (func $get-stderr)) (export "write" (func $write))
    (export "exit" (func $exit)) (export "environment" (func $environment))))))
  (func (export "print") (param "error" bool) (param "text" (list u8)) (result bool)
    (canon lift (core func $m "print") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (func (export "exit") (param "failed" bool) (canon lift (core func $m "exit")))
  (func (export "environment") (result (list (tuple string string)))
    (canon lift (core func $m "environment") (memory (core memory $libc "memory")))))"""
"""Prints, exits and tells its environment."""
