import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { AudienceSpool } from '../../apps/console/src/broadcasts/audience/audience-spool.js';
import { eventually } from '../support/eventually.js';

const mkdtemp = jest.fn(() => fs.mkdtemp(join(tmpdir(), 'spool-')));
jest.unstable_mockModule('node:fs/promises', () => ({ ...fs, mkdtemp }));
// After the mock: an import at the top would have the real one.
const { AudienceSpool: Spool } = await import('../../apps/console/src/broadcasts/audience/audience-spool.js');

describe('sample API stored audiences', () => {
  let spool: AudienceSpool;

  beforeEach(() => {
    mkdtemp.mockClear();
    spool = new Spool();
  });
  afterEach(() => spool.onApplicationShutdown());

  it('are stored once there is a place for them, though there was none before', async () => {
    mkdtemp.mockRejectedValueOnce(new Error('no place'));
    await expect(spool.store([['a']])).rejects.toThrow('no place');

    const audience = await spool.store([['a', 'b']]);
    expect(audience.count).toBe(2);
    await spool.store([['c']]);
    expect(mkdtemp).toHaveBeenCalledTimes(2);
    for await (const page of audience.read()) expect(page).toEqual(['a', 'b']);
  });

  it('do not keep the application from shutting down when there is no place for them', async () => {
    mkdtemp.mockRejectedValueOnce(new Error('no place'));
    const [stored, shutdown] = await Promise.allSettled([spool.store([['a']]), spool.onApplicationShutdown()]);
    expect(stored.status).toBe('rejected');
    expect(shutdown.status).toBe('fulfilled');
  });

  it('let go of their source when they cannot be written', async () => {
    let isReleased = false;
    async function* pages() {
      try {
        yield ['a'];
        // No page: what makes text of it throws.
        yield null as unknown as string[];
        yield ['b'];
      } finally {
        isReleased = true;
      }
    }
    await expect(spool.store(pages())).rejects.toThrow(TypeError);
    await eventually(() => expect(isReleased).toBe(true));
  });
});
