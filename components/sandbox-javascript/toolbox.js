// Tools as JavaScript functions.

import { read, Unfit, written } from "./values.js";

const NAME = /^[A-Za-z_$][\w$]*$/;
const ABSENT = /^TypeError: tools(?:\.[\w$]+|\[.+\]) is not a function$/;

/** A tool gave no result: `kind` is `denied`, `not-found`, `invalid-arguments` or `failed`; `detail` says why. */
export class ToolError extends Error {
  constructor(tool, kind, detail) {
    super(`${tool}: ${kind}: ${detail}`);
    this.name = "ToolError";
    Object.assign(this, { tool, kind, detail });
  }
}

/** What is said of a failure: a tool's own error is JSON, that of a text is the text. */
export function detailOf(text) {
  try {
    const found = text.startsWith('"') ? JSON.parse(text) : text;
    return typeof found === "string" ? found : text;
  } catch {
    return text;
  }
}

/** The tools that there are, each a function that takes an object of its parameters, or those in their order. */
export class Toolbox {
  /** `tools`: name, description and schema as JSON of each; `call(name, arguments as JSON)` gives JSON. */
  constructor(tools, call) {
    this.calls = 0;
    this.call = call;
    this.functions = Object.fromEntries(tools.map((tool) => [identifier(tool.name), this.function(tool)]));
    this.names = Object.keys(this.functions).map((name) => `tools.${name}`);
    for (const [name, tool] of spelledOtherwise(tools)) {
      Object.defineProperty(this.functions, name, { value: this.functions[tool], writable: true, configurable: true });
    }
  }

  /** Which tools there are, after an error that says that a snippet called another. */
  missing(message) {
    if (!ABSENT.test(message)) return "";
    return this.names.length ? `; there is ${this.names.join(", ")}` : "; there are no tools";
  }

  function({ name, description, schema }) {
    const members = Object.keys(JSON.parse(schema || "{}").properties ?? {});
    const byName = new Map(members.flatMap((member) => spellings(member).map((spelling) => [spelling, member])));
    for (const member of members) byName.set(member, member);
    const tool = (...values) => {
      const given = asJson(name, named(identifier(name), members, byName, values));
      this.calls++;
      return read(this.call(name, given));
    };
    Object.defineProperty(tool, "name", { value: identifier(name) });
    return Object.assign(tool, { description, schema });
  }
}

/** The arguments by the parameters' names, whether they came as one object or in order. */
function named(tool, members, byName, values) {
  const [first] = values;
  if (values.length === 1 && isPlain(first) && Object.keys(first).every((key) => byName.has(key))) {
    return Object.fromEntries(Object.entries(first).map(([key, value]) => [byName.get(key), value]));
  }
  if (values.length > members.length) {
    const takes = `${members.length} argument${members.length === 1 ? "" : "s"}`;
    throw new TypeError(`${tool} takes ${takes} (${members.join(", ")}), and ${values.length} were given`);
  }
  return Object.fromEntries(values.map((value, number) => [members[number], value]));
}

function asJson(tool, values) {
  try {
    return written(values);
  } catch (error) {
    throw error instanceof Unfit ? new ToolError(tool, "invalid-arguments", error.message) : error;
  }
}

function isPlain(value) {
  return value !== null && typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype;
}

/** Names that a tool or a parameter goes by: that of WIT, and as JavaScript and as Python write it. */
function spellings(name) {
  const snake = name.replaceAll("-", "_");
  const camel = snake.replace(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, following) => following.toUpperCase());
  return [name, identifier(name), snake, camel];
}

/** Further names of tools beside their own, and whose each is; none that another tool has, too. */
function spelledOtherwise(tools) {
  const names = tools.map(({ name }) => identifier(name));
  const found = new Map();
  for (const [number, { name }] of tools.entries()) {
    for (const other of new Set(spellings(name).slice(2))) found.set(other, found.has(other) ? "" : names[number]);
  }
  for (const name of names) found.delete(name);
  return [...found].filter(([other, name]) => name && NAME.test(other));
}

/** A name of WIT as JavaScript writes it: `read-all` is `readAll`. */
export function identifier(name) {
  const joined = name.replace(/[^\w$]+(.?)/g, (_, following) => following.toUpperCase()) || "tool";
  return /^[A-Za-z_$]/.test(joined) ? joined : `tool${joined}`;
}
