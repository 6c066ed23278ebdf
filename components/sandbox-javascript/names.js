// Names that a snippet declares with `let`, `const` and `class`.
//
// What runs by `eval` keeps these to itself, unlike `var` and functions. So that the next snippet of a session finds them,
// a function is added to a snippet that evaluates what it is asked among them. It is a declaration: it changes neither
// what the snippet does nor its value. Which names there are is guessed generously, and only when there is a next snippet:
// most are reverted before.

const FUNCTION = "__namesOfTheSnippet";
const DECLARED = /\b(?:let|const|class)\b[^;]{0,1000}?(?:[;\n]|$)/g;
const NAME = /[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*/g;
const MOST = 200;
const KEYWORDS = new Set(
  ("arguments await break case catch class const continue debugger default delete do else enum eval export extends false " +
    "finally for function if implements import in instanceof interface let new null package private protected public " +
    "return static super switch this throw true try typeof undefined var void while with yield NaN Infinity").split(" "),
);

/**
 * What hands out a snippet's names, to stand after it; empty where it has none.
 *
 * A declaration with `const` goes before, since the function alone would complete a snippet that breaks off, such as one
 * that ends with `x =` or `if (x)`.
 */
export function withNames(source) {
  if (!source.includes("let") && !source.includes("const") && !source.includes("class")) return "";
  return `\nconst ${FUNCTION}End = 0; function ${FUNCTION}(code) { return eval(code); }`;
}

/** Whether a snippet with this after it began to run: it was read to its end without an error. */
export function began() {
  return typeof globalThis[FUNCTION] === "function";
}

/** What gives the values of names of the snippet that just ran, by `ask`; undefined where it has none. */
export function takeNames(source) {
  const ask = globalThis[FUNCTION];
  if (typeof ask !== "function") return undefined;
  delete globalThis[FUNCTION];
  return { ask, source };
}

/** Makes an ended snippet's names variables that every later one finds; what is no name of it stays as it is. */
export function keepNames({ ask, source }) {
  for (const name of declared(source)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    if (before && !before.configurable) continue;
    delete globalThis[name];
    if (isThere(ask, name)) {
      const [get, set] = ask(`[() => ${name}, (v) => { ${name} = v; }]`);
      Object.defineProperty(globalThis, name, { get, set, enumerable: true, configurable: true });
    } else if (before) {
      Object.defineProperty(globalThis, name, before);
    }
  }
}

function declared(source) {
  const texts = source.match(DECLARED) ?? [];
  const found = new Set(texts.flatMap((text) => text.match(NAME)).filter((name) => !KEYWORDS.has(name)));
  return [...found].slice(0, MOST);
}

function isThere(ask, name) {
  try {
    ask(name);
    return true;
  } catch {
    return false;
  }
}
