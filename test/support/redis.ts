import { ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { reusablePort } from './ports.js';
import { hasRedisServer, needRedisServer } from './redis-binary.js';

const START_MS = 60_000;

/**
 * Runs Redis next to a shell that holds our pipe: when this process dies, however it dies, the shell reads the end of it
 * and ends Redis by its pid. The shell ends with Redis.
 */
const GUARDED = `exec 3<&0
redis-server "$@" & redis=$!
{ read _ <&3; kill -9 $redis; } & guard=$!
echo $redis
wait $redis
kill $guard`;

/** How a Redis for a test is started. */
export interface TestRedisOptions {
  /** Keeps every write on disk (`appendonly yes`, `appendfsync always`), so that a restart loses nothing. Default false. */
  readonly persistence?: boolean;
  /** Default: any free one. */
  readonly port?: number;
  /** Further options of the server, such as `--maxmemory 20mb`. */
  readonly more?: readonly string[];
  /** Lines of its file of configuration, which a Sentinel must have. Default: it has none. */
  readonly config?: readonly string[];
}

/** A Redis that a test may use. Others may use it too: take a key prefix of your own. */
export interface UsableRedis {
  readonly url: string;
  /** Gives it back. Harmless when called twice. */
  stop(): Promise<void>;
}

/** A Redis server that belongs to one test. */
export interface TestRedis extends UsableRedis {
  readonly port: number;
  /** Ends the server, if it runs, and starts it again on the same port and directory. Resolves when it answers. */
  restart(): Promise<void>;
  /** Ends the server as a crash would (SIGKILL). `restart` brings it back. */
  kill(): Promise<void>;
  /** Halts the server without closing its connections (SIGSTOP), as a frozen machine would. */
  freeze(): void;
  /** Lets a frozen server continue. */
  thaw(): void;
}

/** The Redis that `REDIS_URL` names, else a server of the test's own. */
export async function useRedis(): Promise<UsableRedis> {
  const url = process.env['REDIS_URL'];
  return url === undefined || url === '' ? startRedis() : { url, stop: () => Promise.resolve() };
}

/**
 * Whether a test may start servers of its own: always, except where somebody gave a `REDIS_URL` on a machine without a
 * `redis-server`. Tests that stop and restart Redis are skipped there.
 */
export function mayStartRedis(): boolean {
  return (process.env['REDIS_URL'] ?? '') === '' || hasRedisServer();
}

/**
 * Starts a `redis-server` on a free port, with a temporary directory that goes with it. It ends with this process at the
 * latest. In CI this may install one, which takes up to a minute.
 */
export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const { persistence = false, port, more = [], config } = options;
  needRedisServer();
  const directory = await mkdtemp(join(tmpdir(), 'nestjs-mimc-redis-'));
  const file = config === undefined ? [] : [join(directory, 'redis.conf')];
  for (const name of file) await writeFile(name, config?.map((line) => `${line}\n`).join('') ?? '');
  const server = new RedisServer(directory, persistence, port ?? (await reusablePort()), more, file);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

class RedisServer implements TestRedis {
  #shell: ChildProcess | undefined;
  #pid = 0;

  constructor(
    private readonly directory: string,
    private readonly persistence: boolean,
    readonly port: number,
    private readonly more: readonly string[],
    /** The file of configuration, if it has one: Redis wants it before all options. */
    private readonly file: readonly string[],
  ) {}

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const durable = this.persistence ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no'];
    const place = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.directory];
    const rest = ['--save', '', '--logfile', 'redis.log', '--daemonize', 'no', ...this.more];
    const options = [...this.file, ...place, ...durable, ...rest];
    const shell = spawn('sh', ['-c', GUARDED, 'sh', ...options], { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#shell = shell;
    const lines = createInterface(shell.stdout);
    const [line] = (await once(lines, 'line')) as [string];
    lines.close();
    this.#pid = Number(line);
    const end = performance.now() + START_MS;
    while (!(await answers(this.port))) {
      if (performance.now() > end || hasEnded(shell)) throw new Error(`redis-server does not start: ${this.url}`);
      await sleep(5);
    }
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  freeze(): void {
    process.kill(this.#pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.#pid, 'SIGCONT');
  }

  async stop(): Promise<void> {
    await this.#end('SIGKILL');
    await rm(this.directory, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const shell = this.#shell;
    this.#shell = undefined;
    if (shell === undefined || hasEnded(shell)) return;
    const ended = once(shell, 'exit');
    process.kill(this.#pid, signal);
    await ended;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Whether Redis on `port` answers and is done loading. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    const settle = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => settle(false));
    socket.once('data', (data) => settle(data.toString().startsWith('+PONG')));
    socket.once('error', () => settle(false));
    socket.once('close', () => resolve(false));
  });
}
