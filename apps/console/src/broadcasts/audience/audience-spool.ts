import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Injectable, OnApplicationShutdown, OnModuleDestroy } from '@nestjs/common';
import { MimcError } from 'nestjs-mimc';
import { linesOf } from './lines.js';

/** Recipients in pages. */
export type RecipientPages = AsyncIterable<readonly string[]> | Iterable<readonly string[]>;

/** An audience that can be read repeatedly, in the same order, until it is discarded. */
export interface StoredAudience {
  readonly count: number;
  /** Its file; others that belong to it may begin with the same name. */
  readonly path: string;
  read(): AsyncIterable<string[]>;
  discard(): Promise<void>;
}

/**
 * Keeps audiences in files: memory stays flat, an upload gets its answer before a broadcast that may take hours has ended, and a
 * resumed broadcast reads its audience again.
 */
@Injectable()
export class AudienceSpool implements OnModuleDestroy, OnApplicationShutdown {
  readonly #closing = new AbortController();
  #directory: Promise<string> | undefined;

  /** @throws MimcError `MIMC_CLOSED` when the application shuts down meanwhile; any error of `pages` */
  async store(pages: RecipientPages): Promise<StoredAudience> {
    if (this.#closing.signal.aborted) throw closed();
    const path = join(await this.#makeDirectory(), randomUUID());
    const discard = () => rm(path, { force: true });
    const counter = { count: 0 };
    // Opened first: a stream might open it late, after an invalid audience had its file removed.
    const file = await open(path, 'wx', 0o600);
    try {
      const text = textOf(untilAborted(pages, this.#closing.signal), counter);
      await pipeline(text, file.createWriteStream());
    } catch (error) {
      await discard();
      throw error;
    }
    return { ...counter, path, read: () => readPages(path), discard };
  }

  /** The first hook of a shutdown: stops uploads that would be received for nothing. */
  onModuleDestroy(): void {
    this.#closing.abort();
  }

  async onApplicationShutdown(): Promise<void> {
    // If it could not be created, `store` has thrown, and there is nothing to remove.
    const directory = await this.#directory?.catch(() => undefined);
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  }

  /** Created once, with a random name and for this user only: the files contain personal data. */
  #makeDirectory(): Promise<string> {
    this.#directory ??= mkdtemp(join(tmpdir(), 'sample-api-broadcasts-')).catch((error: unknown) => {
      // The next call tries again.
      this.#directory = undefined;
      throw error;
    });
    return this.#directory;
  }
}

/** Not the signal of `pipeline`, which would wait for the current page, and a client may be slow. */
async function* untilAborted(pages: RecipientPages, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  const iterator = Symbol.asyncIterator in pages ? pages[Symbol.asyncIterator]() : pages[Symbol.iterator]();
  try {
    for (;;) {
      const next = await unlessAborted(async () => iterator.next(), signal);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Not awaited: after an abort that would wait for the current page.
    giveBack(iterator);
  }
}

/** Closes an iterator that may not be exhausted; errors of closing do not matter to its reader. */
function giveBack(iterator: AsyncIterator<unknown> | Iterator<unknown>): void {
  const end = async () => iterator.return?.();
  end().catch(() => undefined);
}

/** Listens per page: racing against one long-lived promise would keep every page in memory. */
function unlessAborted<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const abort = () => reject(closed());
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    action()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort));
  });
}

/** As JSON, because a recipient may contain a line feed. */
async function* textOf(pages: RecipientPages, counter: { count: number }): AsyncGenerator<string> {
  for await (const page of pages) {
    counter.count += page.length;
    yield page.map((recipient) => `${JSON.stringify(recipient)}\n`).join('');
  }
}

async function* readPages(path: string): AsyncGenerator<string[]> {
  const bytes: AsyncIterable<Buffer> = createReadStream(path);
  for await (const page of linesOf(bytes, Infinity)) yield page.map(({ text }) => JSON.parse(text) as string);
}

function closed(): MimcError {
  return new MimcError({ code: 'MIMC_CLOSED', outcome: 'not-sent', message: 'The application is shutting down' });
}
