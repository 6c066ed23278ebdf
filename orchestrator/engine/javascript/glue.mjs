// Makes the glue fast that componentize-js puts between the component model and a component's own JavaScript.
//
// The engine interprets that glue, with no compiler behind it. As it is written, it looks at each character of a text
// that it hands out, says at every call what it does to a log that nobody can turn on, and waits for a promise where
// there is none: a text of a thousand characters takes 200 µs.

import { splicer } from "./node_modules/@bytecodealliance/componentize-js/lib/spidermonkey-embedding-splicer.js";

const LOG = /^ *_debugLog\((?:[^()]|\([^()]*\))*\);\n/gm;
const AWAITED = /^( *)const (hostRet\d+) = await (.*);$/gm;
const COUNTED = /^( *)\/\/ Compute the exact allocation size up front\.[^]*?\n\1const res = .*;\n\1return res;$/m;
const SLOW = /_debugLog\(['"]|const hostRet\d+ = await|\.charCodeAt\(/;

/** Nearly every text is of ASCII, and takes as many bytes as it has characters. */
const ENCODED = `
  let ptr = realloc(0, 0, 1, s.length);
  let len = s.length;
  if (TEXT_ENCODER_UTF8.encodeInto(s, new Uint8Array(memory.buffer, ptr, len)).read < len) {
    const bytes = TEXT_ENCODER_UTF8.encode(s);
    ptr = realloc(ptr, len, 1, bytes.length);
    len = bytes.length;
    new Uint8Array(memory.buffer, ptr, len).set(bytes);
  }
  return { ptr, len };`;

/** Has the builder make fast glue from now on. */
export function hasten() {
  const splice = splicer.spliceBindings;
  splicer.spliceBindings = (...given) => {
    const made = splice(...given);
    return { ...made, jsBindings: fast(made.jsBindings) };
  };
}

function fast(glue) {
  const done = glue
    .replace(LOG, "")
    .replace(AWAITED, "$1let $2 = $3;\n$1if (typeof $2?.then === 'function') $2 = await ($2);")
    .replace(COUNTED, ENCODED);
  const left = SLOW.exec(done);
  if (left) throw new Error(`componentize-js makes other glue than is known: ${done.slice(left.index, left.index + 80)}`);
  return done;
}
