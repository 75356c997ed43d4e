/**
 * A sentence for each variable of `env` that begins with `prefix`, in whatever case, and is not among those that are `known`:
 * most likely a typing mistake, which would go unnoticed. It names the known variable that is most like it, and no value.
 *
 * @example
 * for (const warning of unknownVariables(process.env, 'SHOP_', ['SHOP_PORT', 'SHOP_HOST'])) logger.warn(warning);
 */
export function unknownVariables(
  env: Readonly<Record<string, string | undefined>>,
  prefix: string,
  known: readonly string[],
): string[] {
  return Object.keys(env)
    .filter((name) => name.toUpperCase().startsWith(prefix) && !known.includes(name))
    .map((name) => `The variable ${shown(name)} is unknown and ignored; did you mean ${nearest(name, known)}?`);
}

function shown(name: string): string {
  return /^\w{1,100}$/.test(name) ? name : JSON.stringify(name.slice(0, 100));
}

function nearest(name: string, known: readonly string[]): string {
  const [best = ''] = known.toSorted((a, b) => distance(name, a) - distance(name, b));
  return best;
}

/** How many characters must be added and removed to make one of the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_none, index) => index);
  for (const [index, character] of Array.from(from.toUpperCase()).entries()) {
    let left = index + 1;
    row = row.map((above, at) => {
      if (at === 0) return left;
      const diagonal = (row[at - 1] ?? 0) + (character === to[at - 1] ? 0 : 2);
      left = Math.min(left + 1, above + 1, diagonal);
      return left;
    });
  }
  return row.at(-1) ?? 0;
}
