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

/** The tools that there are, each a function that takes an object of its parameters, or those in their order. */
export class Toolbox {
  /** `tools`: name, description and schema as JSON of each; `call(name, arguments as JSON)` gives JSON. */
  constructor(tools, call) {
    this.calls = 0;
    this.call = call;
    this.functions = Object.fromEntries(tools.map((tool) => [identifier(tool.name), this.function(tool)]));
  }

  function({ name, description, schema }) {
    const members = Object.keys(JSON.parse(schema || "{}").properties ?? {});
    const byName = new Map(members.flatMap((member) => spellings(member).map((spelling) => [spelling, member])));
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

function spellings(member) {
  return [member, identifier(member), member.replaceAll("-", "_")];
}

/** A name of WIT as JavaScript writes it: `read-all` is `readAll`. */
export function identifier(name) {
  const joined = name.replace(/[^\w$]+(.?)/g, (_, following) => following.toUpperCase()) || "tool";
  return /^[A-Za-z_$]/.test(joined) ? joined : `tool${joined}`;
}
