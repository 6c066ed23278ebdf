// What is said of an error: its message and its traceback, of the snippet's own lines alone.

const MOST_FRAMES = 20;
const MOST_CAUSES = 8;
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
  const lines = [message(error), ...frames(error)];
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
