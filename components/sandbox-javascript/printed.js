// What a snippet prints, kept up to a size, and the `console` that it prints with.

import { formatted, inspected } from "./inspect.js";
import { beginning, sizeOf } from "./refusal.js";

export const MOST = 1 << 20;
const ascii = /^[\x00-\x7f]*$/;

/** Keeps `most` bytes as UTF-8, and forgets the rest. */
export class Printed {
  constructor(most = MOST) {
    this.most = most;
    this.begin();
  }

  /** Forgets what was printed. */
  begin() {
    this.cut = false;
    this.room = this.most;
    this.parts = [];
  }

  text() {
    return this.parts.join("");
  }

  write(text) {
    const kept = text.toWellFormed();
    const size = ascii.test(kept) ? kept.length : sizeOf(kept);
    if (size <= this.room) {
      this.room -= size;
      this.parts[this.parts.length] = kept;
      return;
    }
    this.cut = true;
    this.parts[this.parts.length] = beginning(new TextEncoder().encode(kept.slice(0, this.room)), this.room);
    this.room = 0;
  }
}

/** A `console` whose every way to say something goes to what was printed. */
export function consoleFor(printed) {
  const counts = new Map();
  let indent = "";
  const log = (...values) => printed.write(`${indent}${formatted(values).replaceAll("\n", `\n${indent}`)}\n`);
  const counted = (label) => counts.set(label, (counts.get(label) ?? 0) + 1).get(label);
  return {
    log,
    info: log,
    debug: log,
    warn: log,
    error: log,
    trace: (...values) => log("Trace:", ...values),
    dir: (value) => log(inspected(value)),
    dirxml: log,
    table: (rows) => log(rows),
    assert: (holds, ...values) => holds || log("Assertion failed", ...values),
    count: (label = "default") => log(`${label}: ${counted(String(label))}`),
    countReset: (label = "default") => counts.delete(String(label)),
    group: (...values) => {
      if (values.length) log(...values);
      indent += "  ";
    },
    groupCollapsed: (...values) => {
      if (values.length) log(...values);
      indent += "  ";
    },
    groupEnd: () => {
      indent = indent.slice(2);
    },
    time: () => {},
    timeLog: (label = "default") => log(`${label}: 0ms`),
    timeEnd: (label = "default") => log(`${label}: 0ms`),
    clear: () => {},
  };
}
