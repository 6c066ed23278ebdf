// Names that a snippet declares with `let`, `const` and `class`.
//
// What runs by `eval` keeps these to itself, unlike `var` and functions. So that the next snippet of a session finds them,
// a function is added to a snippet that hands them out. It is a declaration: it changes neither what the snippet does nor
// its value. Which names there are is guessed generously, and asked for when it matters.

const FUNCTION = "__namesOfTheSnippet";
const DECLARED = /\b(?:let|const|class)\b[^;]{0,1000}?(?:[;\n]|$)/g;
const NAME = /[A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*/g;
const MOST = 200;
const KEYWORDS = new Set(
  ("arguments await break case catch class const continue debugger default delete do else enum eval export extends false " +
    "finally for function if implements import in instanceof interface let new null package private protected public " +
    "return static super switch this throw true try typeof undefined var void while with yield NaN Infinity").split(" "),
);

/** The snippet with what hands out its names, where it may have any. */
export function withNames(source) {
  const declared = source.match(DECLARED);
  if (!declared) return source;
  const found = new Set(declared.flatMap((text) => text.match(NAME)).filter((name) => !KEYWORDS.has(name)));
  const members = [...found].slice(0, MOST).map((n) => `get ${n}() { return ${n}; }, set ${n}(v) { ${n} = v; }`);
  return `${source}\nfunction ${FUNCTION}() { return { ${members.join(", ")} }; }`;
}

/** The names of the snippet that just ran, as members of an object; undefined where it has none. */
export function takeNames() {
  const handsOut = globalThis[FUNCTION];
  if (typeof handsOut !== "function") return undefined;
  delete globalThis[FUNCTION];
  return handsOut();
}

/** Makes an ended snippet's names variables that every later one finds; what is no name of it stays as it is. */
export function keepNames(names) {
  for (const name of Object.keys(names)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    if (before && !before.configurable) continue;
    delete globalThis[name];
    if (isThere(names, name)) {
      const { get, set } = Object.getOwnPropertyDescriptor(names, name);
      Object.defineProperty(globalThis, name, { get, set, enumerable: true, configurable: true });
    } else if (before) {
      Object.defineProperty(globalThis, name, before);
    }
  }
}

function isThere(names, name) {
  try {
    void names[name];
    return true;
  } catch {
    return false;
  }
}
