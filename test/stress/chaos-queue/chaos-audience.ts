/** The account at an offset of an audience. */
export function accountOf(audience: string, index: number): string {
  return `${audience}-${index}`;
}

/** The audience of an account, and its offset there. */
export function placeOf(account: string): [audience: string, index: number] {
  const dash = account.lastIndexOf('-');
  return [account.slice(0, dash), Number(account.slice(dash + 1))];
}

/** An audience in pages, as a database cursor would bring them: one that hangs once it has brought `hangAt`, if given. */
export async function* pagesOf(audience: string, size: number, hangAt = size): AsyncGenerator<string[]> {
  for (let from = 0; from < size; from += 500) {
    if (from >= hangAt) await new Promise(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    yield Array.from({ length: Math.min(500, size - from) }, (_, index) => accountOf(audience, from + index));
  }
}
