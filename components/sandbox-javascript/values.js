// Values of JavaScript and their forms in JSON.

import { sizeOf } from "./refusal.js";

export const MOST = 16 << 20;
export const DEEPEST = 200;
const DIGITS = 4300;
/** Names of members whose texts are kept: those of a thousand objects are mostly the same few. */
const NAMES = 1000;
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

/** Whether they are numbers, all of which the engine itself writes as they are to be written. */
function areNumbers(values) {
  for (let number = 0; number < values.length; number++) {
    const value = values[number];
    if (typeof value !== "number" || !(value <= MAX_SAFE_INTEGER && value >= MIN_SAFE_INTEGER)) return false;
  }
  return true;
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
  const text = new Writer().form(value, 0) ?? "null";
  if (text.length > MOST || (text.length * 3 > MOST && sizeOf(text) > MOST)) throw new Unfit(tooLarge());
  return text;
}

/** A value may have millions of parts, and the engine interprets this: for a part its text is made, and nothing else. */
class Writer {
  /** The objects around what is being written, the outermost first. */
  around = [];
  /** The step from each of them to the next; undefined where that only stands for it. */
  steps = [];
  room = MOST;
  names = new Map();

  /** The JSON of a value; undefined where JSON leaves it out. `depth`: how many objects are around it. */
  form(value, depth) {
    switch (typeof value) {
      case "number":
        return isLarge(value) ? large(value) : this.take(`${value}`);
      case "string":
        return this.text(value, depth);
      case "boolean":
        return this.take(`${value}`);
      case "bigint":
        return this.take(this.digits(value, "", depth));
      case "undefined":
        return undefined;
      case "object":
        return value === null ? this.take("null") : this.object(value, depth);
      default:
        throw new Unfit(`${this.place(depth)} is a ${typeof value}, which has no form in JSON`);
    }
  }

  take(text) {
    this.room -= text.length;
    if (this.room < 0) throw new Unfit(tooLarge());
    return text;
  }

  text(value, depth) {
    if (value.length + 2 > this.room) throw new Unfit(tooLarge());
    if (!value.isWellFormed()) throw new Unfit(`${this.place(depth)} is no text of Unicode: it has half of a pair`);
    return this.take(stringify(value));
  }

  digits(value, what, depth) {
    if (value < TOO_LONG && value > -TOO_LONG) return `${value}`;
    throw new Unfit(`${tooLong(`${what}${this.place(depth)} is`)}; make it a text`);
  }

  object(value, depth) {
    if (depth >= DEEPEST) throw new Unfit(`${this.place(depth)} nests deeper than ${DEEPEST} levels`);
    if (this.around.includes(value)) throw new Unfit(`${this.place(depth)} holds itself`);
    this.around.push(value);
    const text = this.parts(value, depth);
    this.around.pop();
    return text;
  }

  parts(value, depth) {
    if (Array.isArray(value)) return this.list(value, depth);
    if (getPrototypeOf(value) === plain && !("toJSON" in value)) return this.members(keys(value), value, depth);
    const form = FORMS.find(([kind]) => value instanceof kind)?.[1];
    if (form) return form(this, value, depth);
    if (typeof value.toJSON === "function") return this.instead(value.toJSON(), depth);
    if (typeof value.next === "function") throw new Unfit(`${this.place(depth)} is an iterator; make an array of it`);
    return this.members(keys(value), value, depth);
  }

  /** The form of what stands for an object. */
  instead(value, depth) {
    this.steps[depth] = undefined;
    return this.form(value, depth + 1);
  }

  list(values, depth) {
    if (3 * values.length > this.room + 2) throw new Unfit(tooLarge()); // each takes so much, such as `1, `
    if (areNumbers(values)) return this.take(`[${values.join(", ")}]`);
    const found = [];
    this.take("[]");
    for (let number = 0; number < values.length; number++) {
      this.take(number ? ", " : "");
      this.steps[depth] = number;
      found[number] = this.form(values[number], depth + 1) ?? this.take("null");
    }
    return `[${found.join(", ")}]`;
  }

  members(names, values, depth) {
    const found = [];
    for (let number = 0; number < names.length; number++) {
      const name = names[number];
      this.steps[depth] = name;
      const form = this.form(values[name], depth + 1);
      if (form !== undefined) found.push(this.named(name, depth) + form);
      this.take(", ");
    }
    return `{${found.join(", ")}}`;
  }

  named(name, depth) {
    const text = this.names.get(name);
    if (text !== undefined) return this.take(text);
    const made = `${this.text(name, depth)}: `;
    if (this.names.size < NAMES) this.names.set(name, made);
    return made;
  }

  entries(entries, depth) {
    const names = [];
    const values = Object.create(null);
    for (const [key, value] of entries) {
      const name = this.name(key, depth);
      if (name in values) {
        throw new Unfit(`${this.place(depth)} has two keys that JSON writes as ${stringify(name)}`);
      }
      names.push(name);
      values[name] = value;
    }
    return this.members(names, values, depth);
  }

  name(key, depth) {
    if (typeof key === "string") return key;
    if (typeof key === "bigint") return this.digits(key, "a key of ", depth);
    if (typeof key === "number" || typeof key === "boolean") return `${key}`;
    throw new Unfit(`a key of ${this.place(depth)} is ${kindOf(key)}; make it a text`);
  }

  /** The place of what so many objects are around, such as `.a[0]`. */
  place(depth) {
    const where = this.steps.slice(0, depth).map(step).join("");
    return where ? `the value's \`${where}\`` : "the value";
  }
}

const asText = (writer, value, depth) => writer.text(String(value), depth);
const refused = (writer, value, depth) => {
  throw new Unfit(`${writer.place(depth)} is ${kindOf(value)}, which has no form in JSON`);
};
const bytes = (writer, value) => writer.take(stringify(base64(value)));
const boxed = (writer, value, depth) => writer.instead(value.valueOf(), depth);

/** What is not written as its own members. */
const FORMS = [
  [Date, (writer, value) => writer.take(Number.isNaN(value.getTime()) ? "null" : stringify(value.toISOString()))],
  [Map, (writer, value, depth) => writer.entries(value.entries(), depth)],
  [Set, (writer, value, depth) => writer.list([...value], depth)],
  [Uint8Array, bytes],
  [Uint8ClampedArray, bytes],
  [ArrayBuffer, (writer, value) => bytes(writer, new Uint8Array(value))],
  [DataView, (writer, value) => bytes(writer, new Uint8Array(value.buffer, value.byteOffset, value.byteLength))],
  [Typed, (writer, value, depth) => writer.list(Array.from(value), depth)],
  [RegExp, asText],
  [URL, asText],
  [URLSearchParams, asText],
  [Error, (writer, value, depth) => writer.entries(ofError(value), depth)],
  ...[Number, String, Boolean, BigInt].map((kind) => [kind, boxed]),
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

function step(name) {
  if (name === undefined) return "";
  if (typeof name === "number") return `[${name}]`;
  return /^[A-Za-z_$][\w$]*$/.test(name) ? `.${name}` : `[${stringify(name)}]`;
}

function tooLarge() {
  return `the value takes more than ${MOST >> 20} MiB as JSON`;
}
