/** The lines of a text, but for blank ones at its end. Those in between stay, so that line n is entry n. */
export function linesOf(text) {
  const lines = text.split('\n').map((line) => line.trim());
  while (lines.at(-1) === '') lines.pop();
  return lines;
}
