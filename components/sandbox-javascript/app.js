// Runs snippets of JavaScript with tools: the component's face, which knows WIT and leaves the work to `session`.

import { call, list } from "agent:core/tools@0.1.0";
import { message } from "./failures.js";
import { Refused } from "./refusal.js";
import { Session } from "./session.js";
import { Toolbox, ToolError } from "./toolbox.js";

let session;

export const interpreter = {
  run(source, inputs) {
    try {
      session ??= new Session(new Toolbox(list(), callTool));
      const done = session.run(source, inputs);
      return done instanceof Promise ? done.catch(refuse) : done;
    } catch (error) {
      return refuse(error);
    }
  },
};

function callTool(name, json) {
  try {
    return call(name, json);
  } catch (error) {
    const { tag, val } = error?.payload ?? error;
    if (tag === undefined) throw error;
    throw new ToolError(name, tag, val);
  }
}

/** Throws what the component model takes for the error of `run`. */
function refuse(error) {
  if (error instanceof Refused) throw { tag: error.kind, val: error.detail };
  throw { tag: "raised", val: { message: `the session is broken: ${message(error)}`, traceback: "", printed: "" } };
}

/** Runs snippets while the component is built: what the engine makes for code of their kind is then there. */
function practise() {
  const session = new Session(new Toolbox([], callTool));
  for (let times = 0; times < OFTEN; times++) {
    for (const source of EXAMPLES) {
      try {
        session.run(source, [{ name: "x", value: "[1]" }]);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
    }
  }
  delete globalThis.x;
  delete globalThis.result;
}

const OFTEN = 30;
const EXAMPLES = [
  "1 + 1",
  "let sum = 0; for (let n = 0; n < 3; n++) sum += n * n; sum",
  "const y = x.map((n) => n * n); console.log(y); ({ a: y, b: [1.5, null] })",
  "(() => { for (const n of x) if (n > 0) return `${n}`; })()",
  "x.y.z",
  "if (x",
];
practise();
