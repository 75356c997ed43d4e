import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback that can be held up: what clients send meanwhile arrives when it is released. */
export class TcpRelay {
  readonly #server: Server;
  readonly #links = new Map<Socket, Socket>();
  #isHeld = false;

  private constructor(target: URL) {
    this.#server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname);
      this.#links.set(client, upstream);
      upstream.pipe(client);
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

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const client of this.#links.keys()) client.destroy();
    await closed;
  }
}
