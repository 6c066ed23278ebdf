// Values of JavaScript and their forms in JSON.

import { sizeOf } from "./refusal.js";

export const MOST = 16 << 20;
export const DEEPEST = 200;
const DIGITS = 4300;
const TOO_LONG = 10n ** BigInt(DIGITS);
const WHOLE = /^-?\d+$/;
/** Sixteen digits that follow no point: written one by one, as the engine looks for them so in an eighth of the time. */
const MAY_BE_LARGE = new RegExp(`(?:^|[^\\d.])${"\\d".repeat(16)}`);
const { MAX_SAFE_INTEGER, MIN_SAFE_INTEGER } = Number;
const { parse, stringify } = JSON;
const { keys, getPrototypeOf } = Object;
const plain = Object.prototype;
const Typed = getPrototypeOf(Uint8Array);

/** A value without a form in JSON; the message says where and why. */
export class Unfit extends Error {}

/**
 * What a text of JSON says. A whole number that a number of JavaScript has no room for is a bigint: better an error of
 * who adds it to a number than another number.
 */
export function read(text) {
  if (!MAY_BE_LARGE.test(text)) return parse(text);
  return parse(text, (_, value, { source }) => (isLarge(value) ? whole(value, source) : value));
}

function isLarge(value) {
  return typeof value === "number" && !(value <= MAX_SAFE_INTEGER && value >= MIN_SAFE_INTEGER);
}

function whole(value, source) {
  if (!WHOLE.test(source)) return value;
  if (source.length > DIGITS + (source[0] === "-")) throw new Unfit(tooLong("it has"));
  return BigInt(source);
}

/** A value as JSON; throws `Unfit`. */
export function written(value) {
  const writer = new Writer();
  const text = writer.form(value, "", 0) ?? "null";
  if (text.length > MOST || (text.length * 3 > MOST && sizeOf(text) > MOST)) throw new Unfit(tooLarge());
  return text;
}

class Writer {
  around = new Set();
  room = MOST;

  /** The JSON of a value; undefined where JSON leaves it out. `where`: its place, such as `.a[0]`. */
  form(value, where, depth) {
    switch (typeof value) {
      case "number":
        return isLarge(value) ? large(value) : this.take(`${Object.is(value, -0) ? 0 : value}`);
      case "string":
        return this.text(value, where);
      case "boolean":
        return this.take(`${value}`);
      case "bigint":
        return this.take(digits(value, place(where)));
      case "undefined":
        return undefined;
      case "object":
        return value === null ? this.take("null") : this.object(value, where, depth);
      default:
        throw new Unfit(`${place(where)} is a ${typeof value}, which has no form in JSON`);
    }
  }

  take(text) {
    this.room -= text.length;
    if (this.room < 0) throw new Unfit(tooLarge());
    return text;
  }

  text(value, where) {
    if (value.length + 2 > this.room) throw new Unfit(tooLarge());
    if (!value.isWellFormed()) throw new Unfit(`${place(where)} is no text of Unicode: it has half of a pair`);
    return this.take(stringify(value));
  }

  object(value, where, depth) {
    if (depth >= DEEPEST) throw new Unfit(`${place(where)} nests deeper than ${DEEPEST} levels`);
    if (this.around.has(value)) throw new Unfit(`${place(where)} holds itself`);
    this.around.add(value);
    try {
      return this.parts(value, where, depth);
    } finally {
      this.around.delete(value);
    }
  }

  parts(value, where, depth) {
    if (Array.isArray(value)) return this.list(value, where, depth);
    if (getPrototypeOf(value) === plain && !("toJSON" in value)) return this.own(value, where, depth);
    const form = FORMS.find(([kind]) => value instanceof kind)?.[1];
    if (form) return form(this, value, where, depth);
    if (typeof value.toJSON === "function") return this.form(value.toJSON(), where, depth + 1);
    if (typeof value.next === "function") throw new Unfit(`${place(where)} is an iterator; make an array of it`);
    return this.own(value, where, depth);
  }

  own(value, where, depth) {
    return this.members(keys(value).map((key) => [key, value[key]]), where, depth);
  }

  list(values, where, depth) {
    const found = [];
    this.take("[]");
    for (let number = 0; number < values.length; number++) {
      this.take(number ? ", " : "");
      found[number] = this.form(values[number], `${where}[${number}]`, depth + 1) ?? this.take("null");
    }
    return `[${found.join(", ")}]`;
  }

  members(entries, where, depth) {
    const found = [];
    const names = new Set();
    for (const [key, value] of entries) {
      const name = this.name(key, where);
      if (names.has(name)) throw new Unfit(`${place(where)} has two keys that JSON writes as ${stringify(name)}`);
      names.add(name);
      const form = this.form(value, step(where, name), depth + 1);
      if (form !== undefined) found.push(`${this.text(name, where)}: ${form}`);
      this.take(", ");
    }
    return `{${found.join(", ")}}`;
  }

  name(key, where) {
    if (typeof key === "string") return key;
    if (typeof key === "bigint") return digits(key, `a key of ${place(where)}`);
    if (typeof key === "number" || typeof key === "boolean") return `${key}`;
    throw new Unfit(`a key of ${place(where)} is ${kindOf(key)}; make it a text`);
  }
}

const asText = (writer, value, where) => writer.text(String(value), where);
const refused = (writer, value, where) => {
  throw new Unfit(`${place(where)} is ${kindOf(value)}, which has no form in JSON`);
};
const bytes = (writer, value) => writer.take(stringify(base64(value)));

/** What is not written as its own members. */
const FORMS = [
  [Date, (writer, value) => writer.take(Number.isNaN(value.getTime()) ? "null" : stringify(value.toISOString()))],
  [Map, (writer, value, where, depth) => writer.members(value.entries(), where, depth)],
  [Set, (writer, value, where, depth) => writer.list([...value], where, depth)],
  [Uint8Array, bytes],
  [Uint8ClampedArray, bytes],
  [ArrayBuffer, (writer, value) => bytes(writer, new Uint8Array(value))],
  [DataView, (writer, value) => bytes(writer, new Uint8Array(value.buffer, value.byteOffset, value.byteLength))],
  [Typed, (writer, value, where, depth) => writer.list(Array.from(value), where, depth)],
  [RegExp, asText],
  [URL, asText],
  [URLSearchParams, asText],
  [Error, (writer, value, where, depth) => writer.members(ofError(value), where, depth)],
  [Number, (writer, value, where, depth) => writer.form(value.valueOf(), where, depth)],
  [String, (writer, value, where, depth) => writer.form(value.valueOf(), where, depth)],
  [Boolean, (writer, value, where, depth) => writer.form(value.valueOf(), where, depth)],
  [BigInt, (writer, value, where, depth) => writer.form(value.valueOf(), where, depth)],
  ...[Promise, WeakMap, WeakSet, WeakRef, Symbol].map((kind) => [kind, refused]),
];

function ofError(error) {
  return [
    ["name", String(error.name)],
    ["message", String(error.message)],
  ];
}

function base64(bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 0x6000) {
    pieces.push(btoa(String.fromCharCode.apply(null, bytes.subarray(at, at + 0x6000))));
  }
  return pieces.join("");
}

function digits(value, what) {
  if (value >= TOO_LONG || value <= -TOO_LONG) throw new Unfit(`${tooLong(`${what} is`)}; make it a text`);
  return value.toString();
}

function tooLong(what) {
  return `${what} a whole number of more than ${DIGITS} digits`;
}

/** A number above those that are exact: in full, where JavaScript itself writes noughts for its last digits. */
function large(value) {
  if (Number.isFinite(value)) return Math.abs(value) < 1e21 ? `${BigInt(value)}` : `${value}`;
  return Number.isNaN(value) ? '"nan"' : value > 0 ? '"inf"' : '"-inf"';
}

function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  const name = typeof value === "object" ? (value.constructor?.name ?? "object") : typeof value;
  return `${/^[aeiou]/i.test(name) ? "an" : "a"} ${name}`;
}

function step(where, name) {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `${where}.${name}` : `${where}[${stringify(name)}]`;
}

function place(where) {
  return where ? `the value's \`${where}\`` : "the value";
}

function tooLarge() {
  return `the value takes more than ${MOST >> 20} MiB as JSON`;
}
