import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** Answers in its own thread, on request: replies arrive while the event loop of the test is blocked. */
const SERVER = `
const { parentPort, workerData } = require('node:worker_threads');
const { createServer } = require(workerData.tls ? 'node:https' : 'node:http');
const state = new Int32Array(workerData.shared);
const count = (index) => {
  Atomics.add(state, index, 1);
  Atomics.notify(state, index);
};
const server = createServer(workerData.tls ?? {}, (request, reply) => {
  request.resume().on('end', () => {
    count(0);
    const waiting = setInterval(() => {
      if (Atomics.load(state, 1) === 0) return;
      clearInterval(waiting);
      reply.end(workerData.body, () => count(2));
    }, 1);
  });
});
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port));
`;

const [REQUESTS, MAY_ANSWER, ANSWERS] = [0, 1, 2];

/** A server in another thread, and the means to block the event loop of this one until it has answered. */
export class ThreadServer {
  private constructor(
    readonly url: string,
    private readonly worker: Worker,
    private readonly state: Int32Array,
  ) {}

  static async start(body: string, tls?: { key: string; cert: string }): Promise<ThreadServer> {
    const shared = new SharedArrayBuffer(12);
    const worker = new Worker(SERVER, { eval: true, workerData: { shared, body, tls } });
    const [port] = (await once(worker, 'message')) as [number];
    return new ThreadServer(`${tls ? 'https' : 'http'}://127.0.0.1:${port}`, worker, new Int32Array(shared));
  }

  /** Requests so far. */
  get requests(): number {
    return Atomics.load(this.state, REQUESTS);
  }

  /** Whether requests are answered at once; if not, they wait for {@link answerWhileBlocked}. */
  set answering(value: boolean) {
    Atomics.store(this.state, MAY_ANSWER, value ? 1 : 0);
  }

  /** Blocks the event loop until one more answer has gone out, and for `ms` more; then timers run before sockets are read. */
  async answerWhileBlocked(ms: number): Promise<void> {
    await nextTurn();
    const before = Atomics.load(this.state, ANSWERS);
    this.answering = true;
    if (Atomics.wait(this.state, ANSWERS, before, 10_000) === 'timed-out') throw new Error('No answer went out');
    block(ms);
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}

/** Blocks the event loop, as a long computation or a process that is frozen does. */
export function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
