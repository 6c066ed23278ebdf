"""Guests for tests of what is written around binaries, and their reflection."""

from __future__ import annotations

from collections.abc import Sequence

from wasmtime import Engine, wat2wasm
from wasmtime import component as cm

from orchestrator.engine._fuse import Part
from orchestrator.engine._reflect import reflect
from orchestrator.engine.fused import Link
from orchestrator.interface import types as t
from tests.support.wat import MEMORY


def part(engine: Engine, text: str) -> Part:
    """A component's binary and its world."""
    binary = bytes(wat2wasm(text))
    return Part(binary, world(engine, binary))


def world(engine: Engine, binary: bytes) -> t.World:
    """What wasmtime says of a binary."""
    return reflect(engine, cm.Component(engine, binary))


def named(items: tuple[t.Interface | t.Function, ...], name: str) -> t.Interface | t.Function:
    """The import or export of that name."""
    return next(item for item in items if str(item.name) == name)


def link(parts: Sequence[Part], caller: int, wanted: str, callee: int, offered: str) -> Link:
    """The edge between what two parts import and export, by name."""
    importing, exporting = parts[caller].world.imports, parts[callee].world.exports
    return Link(caller, named(importing, wanted), callee, named(exporting, offered))


RICH = """(component
  (import "a:b/c@1.2.3" (instance $c
    (export "r" (type $r (sub resource)))
    (type $rec' (record (field "a" u8) (field "b-c" string))) (export "rec" (type $rec (eq $rec')))
    (export "same" (type $same (eq $rec)))
    (type $var' (variant (case "x" $rec) (case "y"))) (export "var" (type $var (eq $var')))
    (type $col' (enum "red" "green")) (export "colour" (type $col (eq $col')))
    (type $fl' (flags "p" "q")) (export "perms" (type $fl (eq $fl')))
    (type $alias' (list u8)) (export "bytes" (type $alias (eq $alias')))
    (export "again" (type $again (eq $r)))
    (export "f" (func (param "v" (list (option $var))) (param "c" $col) (result (result $rec (error $fl)))))
    (export "[constructor]r" (func (param "n" u32) (result (own $r))))
    (export "[method]r.m" (func (param "self" (borrow $r)) (param "b" $alias) (result (list $same))))
    (export "[static]r.s" (func (result (tuple (own $r) f64 char))))))
  (core module $between (memory (export "memory") 1))
  (alias export $c "r" (type $r)) (alias export $c "rec" (type $rec))
  (import "a:b/d" (instance
    (alias outer 1 $r (type $r')) (export "mine" (type $mine (eq $r')))
    (alias outer 1 $rec (type $q')) (export "renamed" (type $q (eq $q')))
    (export "g" (func (param "e" (borrow $mine)) (result $q)))
    (export "[method]mine.h" (func (param "self" (borrow $mine)) (param "all" (list $q))))
    (export "i" (func (param "all" (list $q))))))
  (component (component (core module)))
  (import "no:names/here" (instance (export "j" (func (param "x" (list $rec)) (param "y" (borrow $r))))))
  (type $own' (record (field "inner" $rec) (field "all" (list u8))))
  (import "own-type" (type $own (eq $own')))
  (import "own-resource" (type $own-r (eq $r)))
  (import "plain" (func $plain (param "x" $own) (param "y" (own $own-r)) (result s64)))
  (import "lists" (func (param "x" (list $own)) (result (list $rec))))
  (import "inline" (instance (export "h" (func (param "x" (list u8)))))))"""
"""Imports of every shape: resources used and renamed, types used without a name, types of the world, methods."""

VERSIONS = """(component
  (import "a:b/c@1.0.0" (instance $one (export "r" (type $r (sub resource))) (export "f" (func (result (own $r))))))
  (import "a:b/c@2.0.0" (instance $two (export "r" (type $r (sub resource))) (export "f" (func (result (own $r))))))
  (alias export $one "r" (type $one-r)) (alias export $two "r" (type $two-r))
  (import "a:b/user@1.0.0" (instance
    (export "r" (type $r (eq $one-r)))
    (export "[method]r.m" (func (param "self" (borrow $r)))) (export "k" (func (param "x" (list u8))))))
  (import "a:b/user@2.0.0" (instance
    (export "r" (type $r (eq $two-r)))
    (export "[method]r.m" (func (param "self" (borrow $r)))) (export "k" (func (param "x" (list u8)))))))"""
"""One interface in two versions, whose resources are two, and users of each."""

EXPORTER = f"""(component
  (core module $m {MEMORY}
    (func (export "take") (param i32 i32) (result i32) (local.get 1))
    (func (export "give") (result i32)
      (i32.store (i32.const 16) (i32.const 32)) (i32.store (i32.const 20) (i32.const 2))
      (i32.store16 (i32.const 32) (i32.const 0x6968)) (i32.const 16))
    (func (export "first") (param i32 i32) (result i32) (i32.load8_u (local.get 0)))
    (func (export "made") (param i32) (result i32) (local.get 0)))
  (core instance $i (instantiate $m))
  (type $pair (record (field "a" u8) (field "b" string)))
  (type $box (resource (rep i32)))
  (core func $new (canon resource.new $box))
  (func $take (param "all" (list $pair)) (result u32)
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (component $types (type $p' (record (field "a" u8) (field "b" string))) (export "pair" (type $p')))
  (instance $types (instantiate $types))
  (export $shown "test:ex/types@0.1.0" (instance $types))
  (alias export $shown "pair" (type $shown-pair))
  (component $deeper
    (type $outer (record (field "a" u8) (field "b" string)))
    (component $deepest
      (import "pair" (type $p (eq $outer)))
      (import "take" (func $take (param "all" (list $p)) (result u32)))
      (export $q "pair" (type $p))
      (export "take" (func $take) (func (param "all" (list $q)) (result u32)))))
  (component $shim
    (import "pair" (type $p (eq $pair)))
    (import "take" (func $take (param "all" (list $p)) (result u32)))
    (export $q "pair" (type $p))
    (export "take" (func $take) (func (param "all" (list $q)) (result u32))))
  (instance $uses (instantiate $shim (with "pair" (type $shown-pair)) (with "take" (func $take))))
  (export "test:ex/uses@0.1.0" (instance $uses))
  (export $box' "box" (type $box))
  (type $tint' (enum "warm" "cold"))
  (export $tint "tint" (type $tint'))
  (func $first (param "all" (list $tint)) (result $tint)
    (canon lift (core func $i "first") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (func $give (result (list u8)) (canon lift (core func $i "give") (memory (core memory $i "memory"))))
  (func $sum (param "all" (list $shown-pair)) (result u32)
    (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (core module $n (import "" "new" (func $new (param i32) (result i32)))
    (func (export "new") (param i32) (result i32) (call $new (local.get 0))))
  (core instance $n (instantiate $n (with "" (instance (export "new" (func $new))))))
  (func $make (param "n" u32) (result (own $box')) (canon lift (core func $n "new")))
  (func $look (param "self" (borrow $box')) (result u32) (canon lift (core func $i "made")))
  (export "[constructor]box" (func $make))
  (export "[method]box.look" (func $look))
  (export "first" (func $first))
  (export "give" (func $give))
  (export "sum" (func $sum)))"""
"""Exports of every shape: types of an interface used by the world, types and a resource of the world itself."""
