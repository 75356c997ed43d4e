import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that can be held up, so that what clients send arrives when it is released, and that can lose replies. */
export class TcpRelay {
  readonly #server: Server;
  readonly #links = new Map<Socket, Socket>();
  #isHeld = false;
  #lost: RegExp | undefined;
  #until: { command: RegExp; held: () => void } | undefined;

  private constructor(target: URL) {
    this.#server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      this.#links.set(client, upstream);
      upstream.pipe(client);
      client.on('data', (data) => {
        this.#loseReply(client, upstream, data);
        this.#holdAgain(data);
      });
      if (!this.#isHeld) client.pipe(upstream);
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#links.delete(client);
          other.destroy();
        });
      }
    });
  }

  static async start(target: string): Promise<TcpRelay> {
    const relay = new TcpRelay(new URL(target));
    await once(relay.#server.listen(0, '127.0.0.1'), 'listening');
    return relay;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  hold(): void {
    this.#isHeld = true;
    for (const [client, upstream] of this.#links) client.unpipe(upstream).pause();
  }

  release(): void {
    this.#isHeld = false;
    for (const [client, upstream] of this.#links) client.pipe(upstream);
  }

  /** Releases what is held, up to and including the next command that matches. Resolves when it is held again. */
  async releaseUntil(command: RegExp): Promise<void> {
    await new Promise<void>((held) => {
      this.#until = { command, held };
      this.release();
    });
  }

  /** Passes on the next command that matches, then loses its reply and the connection. */
  loseReplyTo(command: RegExp): void {
    this.#lost = command;
  }

  #holdAgain(data: Buffer): void {
    if (this.#until?.command.test(data.toString('latin1')) !== true) return;
    const { held } = this.#until;
    this.#until = undefined;
    // Not now, as this command has yet to be passed on.
    process.nextTick(() => {
      this.hold();
      held();
    });
  }

  #loseReply(client: Socket, upstream: Socket, data: Buffer): void {
    if (this.#lost?.test(data.toString('latin1')) !== true) return;
    this.#lost = undefined;
    upstream
      .unpipe(client)
      .once('data', () => client.destroy())
      .resume();
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const client of this.#links.keys()) client.destroy();
    await closed;
  }
}
