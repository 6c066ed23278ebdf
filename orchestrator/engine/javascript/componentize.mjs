// Builds a component from a folder of JavaScript, in the process that `_javascript_builder.py` starts. What is wrong with
// the sources goes to standard error, in words for their author.

import { componentize } from "@bytecodealliance/componentize-js";
import { parseSync } from "oxc-parser";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { findNoFiles } from "./files.mjs";
import { hasten } from "./glue.mjs";

const ENTRY = "entry-of-the-component.js";
const FEATURES = ["stdio", "random", "clocks", "http", "fetch-event"];

/** Every module of a folder that does not parse, with the place; the builder itself says only how many errors there are. */
function mistakes(folder) {
  const names = readdirSync(folder, { recursive: true }).filter((name) => /\.m?js$/.test(name));
  return names.flatMap((name) => {
    const path = join(folder, name);
    return parseSync(path, readFileSync(path, "utf8"), { sourceType: "module" }).errors.map(
      (error) => `SyntaxError: ${error.message}\n${error.codeframe ?? path}`.trimEnd(),
    );
  });
}

/** The module to begin with: the component's own, or one beside all others where that one lies deeper. */
function entry(module) {
  if (!module.includes("/")) return module;
  writeFileSync(ENTRY, `export * from "./${module}";\n`);
  return ENTRY;
}

/** A component without the path of the folder that it was built in, which its engine remembers; no byte moves. */
function forgetful(component, folder) {
  const bytes = Buffer.from(component);
  const path = Buffer.from(folder.slice(1)); // some of it is kept without the first slash
  for (let at = bytes.indexOf(path); at >= 0; at = bytes.indexOf(path, at)) bytes.fill("-", at, at + path.length);
  return bytes;
}

async function build([app, module, wit, world, features, out]) {
  process.chdir(app); // so that places in the sources are told from there
  const found = mistakes(".");
  if (found.length) return found.join("\n");
  const on = features.split(" ");
  hasten();
  findNoFiles();
  try {
    const { component } = await componentize({
      sourcePath: entry(module),
      witPath: wit,
      worldName: world,
      disableFeatures: FEATURES.filter((feature) => !on.includes(feature)),
    });
    writeFileSync(out, forgetful(component, dirname(app)));
  } catch (error) {
    return String(error?.message ?? error);
  }
  return "";
}

const problem = await build(process.argv.slice(2));
if (problem) console.error(problem);
process.exit(problem ? 1 : 0);
