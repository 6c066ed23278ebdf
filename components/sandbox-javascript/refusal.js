// Why a snippet came to nothing, on its way through the runner.

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A snippet without a value: `kind` is a case of `code-error`, `detail` what that holds. */
export class Refused extends Error {
  constructor(kind, detail) {
    super(kind);
    this.kind = kind;
    this.detail = detail;
  }
}

/** How many bytes a text takes as UTF-8. */
export function sizeOf(text) {
  return encoder.encode(text).length;
}

/** A text of at most `most` bytes as UTF-8: of a longer one the beginning and the end. */
export function bounded(text, most) {
  if (text.length * 3 <= most) return text.toWellFormed();
  const found = encoder.encode(text);
  if (found.length <= most) return text.toWellFormed();
  const gap = `\n[… ${found.length - most} bytes left out …]\n`;
  const half = Math.floor((most - sizeOf(gap)) / 2);
  return beginning(found, half) + gap + ending(found, half);
}

/** The text of the first bytes, as many as make whole characters. */
export function beginning(bytes, most) {
  let end = most;
  while (end > 0 && isInner(bytes[end])) end--;
  return decoder.decode(bytes.subarray(0, end));
}

function ending(bytes, most) {
  let start = bytes.length - most;
  while (start < bytes.length && isInner(bytes[start])) start++;
  return decoder.decode(bytes.subarray(start));
}

function isInner(byte) {
  return (byte & 0xc0) === 0x80;
}
