// What is said of an error: its message and its traceback, of the snippet's own lines alone.

const MOST_FRAMES = 20;
const MOST_CAUSES = 8;
const AROUND = 60;
const LINES = /\r\n|[\n\r\u2028\u2029]/;
const NO_MODULE = "Error loading module ";
const MODULES = "this sandbox has JavaScript's own library, and no modules that could be imported";
const FRAME = /^(?:[^@]*\*)?([^@]*)@(<snippet[^>]*>):(\d+):(\d+)$/;

/** Its kind and what it says. What is thrown may be anything. */
export function message(error) {
  try {
    if (!(error instanceof Error)) return `thrown: ${asText(error)}`;
    const said = String(error.message);
    return said ? `${error.name}: ${said}` : String(error.name);
  } catch {
    return "an error that cannot be read";
  }
}

/** An error with where it was raised and what caused it. */
export function told(error, causes = MOST_CAUSES) {
  const said = message(error);
  const lines = [said, ...frames(error)];
  if (said.startsWith(`ReferenceError: ${NO_MODULE}`)) lines.push(MODULES);
  try {
    if (causes > 0 && error instanceof AggregateError) {
      lines.push(...error.errors.slice(0, MOST_CAUSES).map((one) => `[errors]: ${told(one, causes - 1)}`));
    }
    if (causes > 0 && error instanceof Error && "cause" in error) lines.push(`[cause]: ${told(error.cause, causes - 1)}`);
  } catch {
    // what it says of others cannot be read
  }
  return lines.join("\n");
}

/** What is wrong with a source, with the line of it; an error at what stands after the source is one at its end. */
export function placed(error, source, name) {
  const lines = source.trimEnd().split(LINES);
  const isWithin = error.lineNumber <= lines.length;
  const line = isWithin ? error.lineNumber : lines.length;
  const text = lines[line - 1] ?? "";
  const column = isWithin ? error.columnNumber : text.length + 1;
  return `${shown(text, column)}\n${message(error)} (${name}:${line}:${column})`;
}

/** What stands around a column of a line, and a mark under it. */
function shown(line, column) {
  const start = Math.max(0, column - 1 - AROUND);
  const before = line.slice(start, column - 1);
  return `    ${before}${line.slice(column - 1, column - 1 + AROUND)}\n    ${before.replace(/[^\t]/g, " ")}^`;
}

/** Whether an error comes from within a snippet, and not from reading it. */
export function isRaised(error) {
  return frames(error).length > 0;
}

/** The snippet's own frames, the innermost first; neither this component's nor a path of where it was built. */
function frames(error) {
  const own = stackOf(error)
    .map((line) => FRAME.exec(line))
    .filter(Boolean);
  const lines = own.slice(0, MOST_FRAMES).map(([, name, file, line, column]) => {
    const at = `${file}:${line}:${column}`;
    return name ? `    at ${name} (${at})` : `    at ${at}`;
  });
  return own.length > MOST_FRAMES ? [...lines, `    … and ${own.length - MOST_FRAMES} more`] : lines;
}

function stackOf(error) {
  try {
    return typeof error?.stack === "string" ? error.stack.split("\n") : [];
  } catch {
    return [];
  }
}

function asText(value) {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
