// Runs snippets one after another, of which each finds what the ones before it defined.
//
// A snippet may replace whatever it reaches, of this component too, and so break the session for the next one; only a
// revert or a fresh instance is a clean state.

import { isRaised, message, placed, told } from "./failures.js";
import { began, keepNames, takeNames, withNames } from "./names.js";
import { consoleFor, Printed } from "./printed.js";
import { bounded, Refused } from "./refusal.js";
import { Timers } from "./timers.js";
import { ToolError } from "./toolbox.js";
import { read, Unfit, written } from "./values.js";

const MOST_SAID = 16 << 10;
const TURNS = 1 << 10;
const MOST_TURNS = 1 << 20;
const NAME = /^[\w$\u0080-\uffff]+$/;
const SETS_RESULT = /\bresult\s*=(?!=)/;
const evaluate = globalThis.eval;
const { rawJSON } = JSON;
const { defineProperty } = Object;

/** What needs the host, which is not asked, or would be the same in every instance. */
const ABSENT = [
  ...["fetch", "Request", "Response", "Headers", "crypto", "Crypto", "SubtleCrypto", "CryptoKey", "performance"],
  ...["Performance", "location", "WorkerLocation", "addEventListener", "removeEventListener", "dispatchEvent"],
];
for (const name of ABSENT) delete globalThis[name];
give("toJSON", toJson, false, BigInt.prototype);
const OWN = new Set(["tools", "ToolError", "console", "print", ...Object.getOwnPropertyNames(globalThis)]);

/** A place where snippets run, with the tools that they have. */
export class Session {
  constructor(box) {
    this.box = box;
    this.printed = new Printed();
    this.timers = new Timers();
    this.runs = 0;
    this.given = this.toGive();
    give("timeout", (wait) => this.timers.aborting(wait), true, AbortSignal); // the engine's own asks the host
  }

  /** What a snippet comes to, or a promise of that; throws `Refused`. `inputs`: name and value as JSON of each. */
  run(source, inputs) {
    this.begin(source);
    if (inputs.length) for (const [name, value] of variables(inputs)) give(name, value);
    const started = { calls: this.box.calls, before: globalThis.result, source };
    const value = this.evaluated(source);
    if (isPromise(value) || this.timers.waiting.length) return this.settled(value, started);
    return this.done(value, started);
  }

  toGive() {
    const { printed, timers } = this;
    const console = consoleFor(printed);
    return {
      console,
      print: console.log,
      tools: this.box.functions,
      ToolError,
      setTimeout: (callback, wait, ...values) => timers.add(callback, wait, values),
      setInterval: (callback, wait, ...values) => timers.add(callback, wait, values, true),
      clearTimeout: (id) => timers.remove(id),
      clearInterval: (id) => timers.remove(id),
    };
  }

  /** Puts everything in its place for the next snippet. */
  begin(source) {
    if (this.names) keepNames(this.names);
    this.names = undefined;
    this.printed.begin();
    this.timers.begin();
    if (source !== "") this.runs++;
    for (const name in this.given) if (globalThis[name] !== this.given[name]) give(name, this.given[name], false);
  }

  evaluated(source) {
    const name = this.runs < 2 ? "<snippet>" : `<snippet-${this.runs}>`;
    const more = withNames(source);
    try {
      return evaluate(`${source}${more}\n//# sourceURL=${name}`);
    } catch (error) {
      if (!(error instanceof SyntaxError) || isRaised(error) || (more && began())) throw this.raised(error);
      if (more) return this.alone(source, name); // what is wrong may be told of what was added
      throw new Refused("invalid-source", bounded(placed(error, source, name), MOST_SAID));
    } finally {
      this.names = takeNames(source);
    }
  }

  /** The value of a snippet to which nothing is added. */
  alone(source, name) {
    try {
      return evaluate(`${source}\n//# sourceURL=${name}`);
    } catch (error) {
      if (!(error instanceof SyntaxError) || isRaised(error)) throw this.raised(error);
      throw new Refused("invalid-source", bounded(placed(error, source, name), MOST_SAID));
    }
  }

  /** Waits for a promise and for timers; what neither can settle is an error. */
  async settled(value, started) {
    let state = "pending";
    let found;
    Promise.resolve(value).then(
      (result) => ([state, found] = ["kept", result]),
      (error) => ([state, found] = ["broken", error]),
    );
    for (let turn = 0; state === "pending" || this.timers.waiting.length; turn++) {
      await null;
      if (state === "broken") break;
      if (state === "kept") this.timers.endIntervals();
      if (turn % TURNS === TURNS - 1 && this.timers.waiting.length) this.callNext();
      else if (turn > MOST_TURNS) throw this.raised(new Error("the promise that is the value is never settled"));
    }
    if (state === "broken") throw this.raised(found);
    return this.done(found, started);
  }

  callNext() {
    try {
      this.timers.callNext();
    } catch (error) {
      throw this.raised(error);
    }
  }

  raised(error) {
    if (error instanceof ToolError && error.kind === "denied") {
      return new Refused("denied", bounded(message(error).replace("ToolError: ", ""), MOST_SAID));
    }
    const found = message(error);
    const said = found + this.box.missing(found);
    const trace = bounded(said + told(error).slice(found.length), MOST_SAID);
    return new Refused("raised", { message: bounded(said, MOST_SAID), traceback: trace, printed: this.printed.text() });
  }

  done(value, { calls, before, source }) {
    const found = value === undefined ? this.result(before, source) : value;
    return {
      value: found === undefined ? "null" : asJson(found),
      printed: this.printed.text(),
      cut: this.printed.cut,
      calls: this.box.calls - calls,
    };
  }

  /** The variable `result` if this run set it, which it may have to what it was before. */
  result(before, source) {
    let found = globalThis.result;
    try {
      if (this.names && source.includes("result")) found = this.names.ask("result");
    } catch {
      // it is declared, and not reached yet
    }
    return !Object.is(found, before) || SETS_RESULT.test(source) ? found : undefined;
  }
}

function give(name, value, enumerable = true, place = globalThis) {
  defineProperty(place, name, { value, enumerable, writable: true, configurable: true });
}

/** Has `JSON.stringify` write a bigint, as inputs and what tools give may hold some. */
function toJson() {
  return rawJSON(this.toString());
}

function isPromise(value) {
  return value instanceof Promise || (typeof value === "object" && typeof value?.then === "function");
}

function asJson(value) {
  try {
    return written(value);
  } catch (error) {
    throw new Refused("invalid-result", bounded(whyUnfit(error), MOST_SAID));
  }
}

function whyUnfit(error) {
  if (error instanceof Unfit) return error.message;
  if (error === "out of memory") return "there is no memory to write the value as JSON"; // so this engine throws it
  return `the value cannot be read: ${message(error)}`;
}

function variables(inputs) {
  const found = new Map();
  for (const { name, value } of inputs) {
    refuseName(name, found);
    found.set(name, fromJson(name, value));
  }
  return found;
}

function refuseName(name, found) {
  if (!NAME.test(name) || isKeyword(name)) throw invalid(`\`${name}\` is no name of JavaScript`);
  if (OWN.has(name)) throw invalid(`\`${name}\` is a name that is there already`);
  if (found.has(name)) throw invalid(`\`${name}\` is given twice`);
}

function isKeyword(name) {
  try {
    return !new Function(`"use strict"; var ${name};`);
  } catch {
    return true;
  }
}

function fromJson(name, text) {
  try {
    return read(text);
  } catch (error) {
    if (error instanceof Unfit) throw invalid(`\`${name}\` cannot be had: ${error.message}`);
    throw invalid(`\`${name}\` is not JSON: ${error.message}`);
  }
}

function invalid(why) {
  return new Refused("invalid-input", bounded(why, 1024));
}
