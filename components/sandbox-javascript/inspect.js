// Values as texts for a reader, as `console.log` shows them; much as Node does.

import { told } from "./failures.js";

const MOST_ITEMS = 100;
const MOST_DEPTH = 2;
const WIDTH = 76;

/** What `console.log` makes of its arguments. */
export function formatted(values) {
  const [first, ...rest] = values;
  if (typeof first !== "string") return values.map(shown).join(" ");
  const text = first.replace(/%[sdifjoOc%]/g, (mark) => (mark === "%%" ? "%" : rest.length ? filled(mark, rest) : mark));
  return [text, ...rest.map(shown)].join(" ");
}

function filled(mark, rest) {
  const value = rest.shift();
  switch (mark) {
    case "%d":
      return String(typeof value === "bigint" ? value : Number(value));
    case "%i":
      return String(typeof value === "bigint" ? value : Number.parseInt(value, 10));
    case "%f":
      return String(Number.parseFloat(value));
    case "%j":
      return String(JSON.stringify(value));
    case "%c":
      return "";
    case "%s":
      return shown(value);
    default:
      return inspected(value);
  }
}

function shown(value) {
  return typeof value === "string" ? value : inspected(value);
}

/** A value as a text that says what it is, texts in quotes. */
export function inspected(value, depth = 0, around = []) {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return named(value);
  if (Object.is(value, -0)) return "-0";
  if (value === null || typeof value !== "object") return String(value);
  if (around.includes(value)) return "[Circular]";
  const simple = simply(value);
  if (simple !== undefined) return simple;
  if (depth > MOST_DEPTH && !/[[{][\]}]$/.test(parts(value, () => "…"))) {
    return Array.isArray(value) ? "[Array]" : `[${kindOf(value) || "Object"}]`;
  }
  return parts(value, (part) => inspected(part, depth + 1, [...around, value]));
}

function simply(value) {
  if (value instanceof Error) return depthless(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp || value instanceof URL) return String(value);
  if (value instanceof Promise) return "Promise {}";
  if (value instanceof String || value instanceof Number || value instanceof Boolean) {
    return `[${kindOf(value)}: ${inspected(value.valueOf())}]`;
  }
  return undefined;
}

function depthless(error) {
  const text = told(error);
  return text.includes("\n") ? text : `[${text}]`;
}

function parts(value, inner) {
  const name = kindOf(value);
  if (Array.isArray(value)) return joined("", "[", listed(value, inner), "]");
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return joined(`${name}(${value.length}) `, "[", listed(value, inner), "]");
  }
  if (value instanceof Set) return joined(`Set(${value.size}) `, "{", listed([...value], inner), "}");
  if (value instanceof Map) {
    const entries = [...value].map(([key, part]) => ({ text: `${inner(key)} => ${inner(part)}` }));
    return joined(`Map(${value.size}) `, "{", listed(entries, (entry) => entry.text), "}");
  }
  const keys = [...Object.keys(value), ...Object.getOwnPropertySymbols(value)];
  const members = keys.map((key) => ({ text: `${keyed(key)}: ${member(value, key, inner)}` }));
  const kind = name === "Object" ? "" : `${name || "[Object: null prototype]"} `;
  return joined(kind, "{", listed(members, (entry) => entry.text), "}");
}

function member(value, key, inner) {
  const { get, set } = Object.getOwnPropertyDescriptor(value, key) ?? {};
  return get ? (set ? "[Getter/Setter]" : "[Getter]") : set ? "[Setter]" : inner(value[key]);
}

function listed(values, inner) {
  const found = Array.from({ length: Math.min(values.length, MOST_ITEMS) }, (_, number) => inner(values[number]));
  const more = values.length - MOST_ITEMS;
  return more > 0 ? [...found, `... ${more} more item${more === 1 ? "" : "s"}`] : found;
}

function joined(kind, open, items, close) {
  if (!items.length) return `${kind}${open}${close}`;
  const line = `${kind}${open} ${items.join(", ")} ${close}`;
  if (line.length <= WIDTH && !line.includes("\n")) return line;
  return `${kind}${open}\n${items.map((item) => `  ${item.replaceAll("\n", "\n  ")}`).join(",\n")}\n${close}`;
}

function keyed(key) {
  if (typeof key === "symbol") return `[${String(key)}]`;
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key);
}

function quoted(text) {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
  return text.includes("'") && !text.includes('"') ? `"${escaped}"` : `'${escaped.replaceAll("'", "\\'")}'`;
}

function named(value) {
  const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? "class" : "Function:";
  return value.name ? `[${kind} ${value.name}]` : `[${kind.replace(":", "")} (anonymous)]`;
}

function kindOf(value) {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null ? "" : (prototype.constructor?.name ?? "Object");
}
