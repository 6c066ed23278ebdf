// Has a component's engine find no file, where it would end at the question.
//
// There are no files, and componentize-js puts a trap in the place of each question about one. Yet the engine asks when
// it meets `import(…)` of JavaScript that it reads at run time: the instance would end, where a promise is to be rejected.

import { splicer } from "./node_modules/@bytecodealliance/componentize-js/lib/spidermonkey-embedding-splicer.js";

const QUESTIONS = ["path_filestat_get", "path_open"];
const CODE = 10;
const FUNCTIONS = 1;
/** A function's size, its local variables and its instructions: one that traps, and one that says ENOENT. */
const TRAP = Buffer.from([3, 0, 0x00, 0x0b]);
const NONE = Buffer.from([4, 0, 0x41, 44, 0x0b]);

/** Has the builder make such components from now on. */
export function findNoFiles() {
  const stub = splicer.stubWasi;
  splicer.stubWasi = (...given) => answering(Buffer.from(stub(...given)));
}

function answering(bytes) {
  const module = new WebAssembly.Module(bytes);
  const imported = WebAssembly.Module.imports(module).filter(({ kind }) => kind === "function").length;
  const names = functionNames(Buffer.from(WebAssembly.Module.customSections(module, "name")[0] ?? []));
  const wanted = new Set(QUESTIONS.map((name) => names.get(name) - imported));
  const code = codeOf(bytes);
  const body = replaced(bytes.subarray(code.start, code.end), wanted);
  const head = Buffer.from([CODE, ...written(body.length)]);
  return Buffer.concat([bytes.subarray(0, code.begin), head, body, bytes.subarray(code.end)]);
}

/** The functions that have names, by these. */
function functionNames(section) {
  const found = new Map();
  for (const { id, start } of parts(section, 0)) {
    if (id !== FUNCTIONS) continue;
    let [count, at] = read(section, start);
    for (; count > 0; count--) {
      const [index, size] = read(section, at);
      const [length, text] = read(section, size);
      found.set(section.toString("utf8", text, text + length), index);
      at = text + length;
    }
  }
  return found;
}

function codeOf(bytes) {
  for (const part of parts(bytes, 8)) if (part.id === CODE) return part;
  throw new Error("componentize-js makes a module without code");
}

/** A section of code with the functions of these numbers answering instead of trapping. */
function replaced(code, wanted) {
  const [count, first] = read(code, 0);
  const made = [];
  let [kept, at] = [0, first];
  for (let index = 0; index < count; index++) {
    const [size, start] = read(code, at);
    if (wanted.delete(index) && code.subarray(at, start + size).equals(TRAP)) {
      made.push(code.subarray(kept, at), NONE);
      kept = start + size;
    }
    at = start + size;
  }
  if (made.length !== 2 * QUESTIONS.length) throw new Error("componentize-js has other stubs for files than are known");
  return Buffer.concat([...made, code.subarray(kept)]);
}

/** Sections, or parts of one: what each is, and where it begins, its content starts and ends. */
function* parts(bytes, begin) {
  while (begin < bytes.length) {
    const [size, start] = read(bytes, begin + 1);
    yield { id: bytes[begin], begin, start, end: start + size };
    begin = start + size;
  }
}

/** A number of WebAssembly's at a place, and the place after it. */
function read(bytes, at) {
  let [value, unit] = [0, 1];
  for (; bytes[at] > 127; at++, unit *= 128) value += (bytes[at] - 128) * unit;
  return [value + bytes[at] * unit, at + 1];
}

function written(value) {
  const made = [];
  for (; value > 127; value = Math.floor(value / 128)) made.push((value % 128) + 128);
  return [...made, value];
}
