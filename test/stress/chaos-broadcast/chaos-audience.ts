import { inPages, type MimcPages } from 'nestjs-mimc';

/** The account at an offset of the audience. */
export function accountOf(index: number): string {
  return `user-${index}`;
}

/** The offset of an account. */
export function indexOf(account: string): number {
  return Number(account.slice('user-'.length));
}

/** So many accounts, in pages, as a database cursor would bring them: one that hangs once it has brought `hangAt`, if given. */
export function audienceOf(size: number, hangAt = size): MimcPages<string> {
  return inPages(pagesOf(size, hangAt));
}

async function* pagesOf(size: number, hangAt: number): AsyncGenerator<string[], void, undefined> {
  for (let from = 0; from < size; from += 500) {
    if (from >= hangAt) await new Promise(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    yield Array.from({ length: Math.min(500, size - from) }, (_, index) => accountOf(from + index));
  }
}
