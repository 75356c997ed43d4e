import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.js';
import { startRedis, type TestRedis } from '../../support/redis.js';
import { SlowProxy } from './slow-proxy.js';

/** A server, and a connection for what an operator does to it. */
interface Server {
  readonly redis: TestRedis;
  readonly admin: Redis;
}

/** Redis as a provider offers it: a primary and a replica behind one endpoint. Both keep every write on disk. */
export class RedisEndpoint {
  private constructor(
    private readonly proxy: SlowProxy,
    private primary: Server,
    private replica: Server,
  ) {}

  static async start(): Promise<RedisEndpoint> {
    const [primary, replica] = await Promise.all([startServer(), startServer()]);
    await replica.admin.replicaof('127.0.0.1', primary.redis.port);
    return new RedisEndpoint(await SlowProxy.start(primary.redis.port), primary, replica);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.proxy.port}`;
  }

  /** Straight to the primary. */
  get admin(): Redis {
    return this.primary.admin;
  }

  /** The primary crashes and starts again. */
  async restart(): Promise<void> {
    await this.primary.redis.kill();
    await sleep(300);
    await this.primary.redis.restart();
  }

  /** Cuts all connections of clients. */
  async cut(): Promise<void> {
    await this.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  }

  /** For a while every answer takes 2 s. */
  async slow(ms: number): Promise<void> {
    this.proxy.latencyMs = 1_000;
    await sleep(ms);
    this.proxy.latencyMs = 0;
  }

  /** For a while every write is refused with NOREPLICAS. */
  async withoutReplicas(ms: number): Promise<void> {
    await this.#set('min-replicas-to-write', 5, 0, () => sleep(ms));
  }

  /** For a while Redis is full: what would need memory is refused with OOM. */
  async full(ms: number, meanwhile: () => Promise<void>): Promise<void> {
    await this.#set('maxmemory', 1, 0, () => Promise.all([sleep(ms), meanwhile()]));
  }

  /** The replica takes over, with all that the primary had; connections to that stay, and are to a replica from now on. */
  async failOver(): Promise<void> {
    const { primary, replica } = this;
    const state = async () => (await primary.admin.info('replication')).match(/^slave0:.*state=(\w+)/m)?.[1];
    await eventually(async () => mustBe('online', await state()));
    await primary.admin.call('FAILOVER', 'TO', '127.0.0.1', replica.redis.port, 'TIMEOUT', 20_000);
    await eventually(async () => mustBe('master', (await replica.admin.role())[0]));
    this.proxy.targetPort = replica.redis.port;
    this.primary = replica;
    this.replica = primary;
  }

  async stop(): Promise<void> {
    await this.proxy.close();
    for (const { redis, admin } of [this.primary, this.replica]) {
      admin.disconnect();
      await redis.stop();
    }
  }

  async #set(option: string, to: number, back: number, during: () => Promise<unknown>): Promise<void> {
    await this.admin.config('SET', option, to);
    try {
      await during();
    } finally {
      await this.admin.config('SET', option, back);
    }
  }
}

async function startServer(): Promise<Server> {
  const redis = await startRedis({ persistence: true });
  const admin = new Redis(redis.url, { maxRetriesPerRequest: null });
  admin.on('error', () => undefined);
  return { redis, admin };
}

function mustBe(wanted: string, found: unknown): void {
  if (found !== wanted) throw new Error(`${String(found)}, not ${wanted}`);
}
