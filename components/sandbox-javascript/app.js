// Runs snippets of JavaScript with tools: the component's face, which knows WIT and leaves the work to `session`.

import { call, list } from "agent:core/tools@0.1.0";
import { message } from "./failures.js";
import { Refused } from "./refusal.js";
import { Session } from "./session.js";
import { detailOf, Toolbox, ToolError } from "./toolbox.js";

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
    throw new ToolError(name, tag, tag === "failed" ? detailOf(val) : val);
  }
}

/** Throws what the component model takes for the error of `run`. */
function refuse(error) {
  if (error instanceof Refused) throw { tag: error.kind, val: error.detail };
  throw { tag: "raised", val: { message: `the session is broken: ${message(error)}`, traceback: "", printed: "" } };
}
