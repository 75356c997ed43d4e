/** The entries of a text with one on each line; blank lines are ignored. */
export function linesOf(text) {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** The line, from 1, with entry `index` of {@link linesOf}. */
export function lineOfEntry(text, index) {
  const lines = text.split('\n');
  let left = index;
  const at = lines.findIndex((line) => line.trim() !== '' && left-- === 0);
  return at === -1 ? lines.length : at + 1;
}
