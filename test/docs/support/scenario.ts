import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { blockFile } from './blocks.js';
import { type Fence, readPage } from './markdown.js';

/** What a scenario runs; a block that none takes fails the tests. */
const taken = new Set<Fence>();
const tests: (() => Promise<unknown>)[] = [];
const pages = new Map<string, readonly Fence[]>();

/** A page whose code blocks a scenario takes one by one, and runs. */
export class PageUnderTest {
  readonly #fences: readonly Fence[];

  constructor(readonly path: string) {
    this.#fences = readPage(path).fences;
    pages.set(path, this.#fences);
  }

  /**
   * Takes the one code block of this language that holds `text` and was not taken. The caller must run it.
   *
   * @throws Error when there is none, or another
   */
  fence(lang: string, text: string): Fence {
    const found = this.#fences.filter((fence) => !taken.has(fence) && fence.lang === lang && fence.code.includes(text));
    const [fence] = found;
    if (fence === undefined || found.length > 1) {
      throw new Error(`${this.path} has ${found.length} blocks of ${lang} with ${JSON.stringify(text)}`);
    }
    taken.add(fence);
    return fence;
  }

  /** Takes a block of TypeScript; the function runs it, once, and returns what it exports. */
  ts<Exports>(text: string): () => Promise<Exports> {
    const file = blockFile(this.fence('ts', text));
    return () => import(file) as Promise<Exports>;
  }

  /** Takes a block of TypeScript that is a test, for {@link addTests}. */
  test(text: string): void {
    tests.push(this.ts(text));
  }
}

/** Adds the blocks that are tests to the tests that run. They are written for runners with globals. */
export async function addTests(): Promise<void> {
  Object.assign(globalThis, { describe, it, expect, beforeEach, afterEach });
  for (const add of tests) await add();
}

/** Blocks of pages that are under test which no scenario took, as `page:line`. */
export function untaken(): string[] {
  const all = [...pages.values()].flat();
  return all.filter((fence) => !taken.has(fence)).map(({ page, line, lang }) => `${page}:${line} (${lang})`);
}

/** Whether a page has a scenario. */
export function isUnderTest(path: string): boolean {
  return pages.has(path);
}
