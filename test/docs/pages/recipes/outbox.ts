import type { InjectionToken, Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import { MimcModule } from 'nestjs-mimc';
import { MimcPushQueue, MimcQueueModule } from 'nestjs-mimc/bullmq';
import { MimcEmulator } from 'nestjs-mimc/testing';
import { eventually } from '../../../support/eventually.js';
import { startRedis, type TestRedis } from '../../../support/redis.js';
import { optionsOf } from '../../support/apps.js';
import { PageUnderTest } from '../../support/scenario.js';

const page = new PageUnderTest('docs/recipes/outbox.md');

interface Row {
  id: string;
  to_account: string;
  msg: string;
  problem?: string;
}

interface Sql {
  query(text: string, values?: readonly string[]): Promise<Row[]>;
}

interface Relay {
  relay(): Promise<number>;
}

describe('docs/recipes/outbox.md', () => {
  const table = page.fence('sql', 'push_outbox');
  const outbox = page.ts<{ Sql: InjectionToken; OutboxRelay: Type<Relay> }>('class OutboxRelay');
  let redis: TestRedis;
  let mimc: MimcEmulator;

  beforeAll(async () => {
    redis = await startRedis();
    mimc = await MimcEmulator.start();
  });
  afterAll(async () => {
    await mimc.close();
    await redis.stop();
  });

  it('moves pushes from an outbox, each once, over a crash between two steps', async () => {
    const { Sql, OutboxRelay } = await outbox();
    const sql = new OutboxTable();
    sql.insert({ id: 'shipped-1', to_account: 'alice', msg: 'Order 1 is on its way' });
    sql.insert({ id: 'shipped-2', to_account: '', msg: 'Order 2 is on its way' });
    sql.insert({ id: 'shipped-3', to_account: 'carol', msg: 'Order 3 is on its way' });
    sql.failNextDelete = true;
    const app = await Test.createTestingModule({
      imports: [
        MimcModule.forRoot({ ...optionsOf(mimc), isGlobal: true }),
        MimcQueueModule.forRoot({ connection: redis.url, prefix: 'outbox' }),
      ],
      providers: [{ provide: Sql, useValue: sql }, OutboxRelay],
    }).compile();
    const relay = app.get<Relay>(OutboxRelay);
    await expect(relay.relay()).rejects.toThrow('died');
    await expect(relay.relay()).resolves.toBe(3);
    expect([...sql.rows.values()]).toEqual([
      expect.objectContaining({ id: 'shipped-2', problem: expect.stringContaining('toAccount') }),
    ]);
    sql.insert({ id: 'shipped-4', to_account: 'dave', msg: 'Order 4 is on its way' });
    // From now on it runs by itself.
    await app.init();
    const pushes = app.get(MimcPushQueue);
    await eventually(async () => expect(await pushes.get('shipped-4')).toMatchObject({ state: 'accepted' }));
    await pushes.wait('shipped-1');
    await pushes.wait('shipped-3');
    await app.close();
    expect(['alice', 'carol', 'dave'].map((account) => mimc.count(account))).toEqual([1, 1, 1]);
    expect(sql.rows.size).toBe(1);
  });

  it('has a table with the columns that the relay reads and writes', () => {
    const columns = [...table.code.matchAll(/^ {2}(\w+) /gm)].map(([, column]) => column);
    expect(columns).toEqual(['id', 'to_account', 'msg', 'problem']);
  });
});

/** The table of an outbox, as a database would keep it. */
class OutboxTable implements Sql {
  readonly rows = new Map<string, Row>();
  /** As if the process died before it. */
  failNextDelete = false;

  insert(row: Row): void {
    this.rows.set(row.id, row);
  }

  async query(text: string, [id = '', problem = '']: readonly string[] = []): Promise<Row[]> {
    const row = this.rows.get(id);
    if (text.startsWith('SELECT id, to_account, msg FROM push_outbox WHERE problem IS NULL')) {
      return [...this.rows.values()].filter((each) => each.problem === undefined);
    }
    if (text === 'UPDATE push_outbox SET problem = $2 WHERE id = $1' && row) {
      this.rows.set(id, { ...row, problem });
    } else if (text === 'DELETE FROM push_outbox WHERE id = $1') {
      if (this.failNextDelete) {
        this.failNextDelete = false;
        throw new Error('The process died');
      }
      this.rows.delete(id);
    } else throw new Error(`Not a statement of the page: ${text}`);
    return [];
  }
}
