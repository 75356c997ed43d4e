import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy on loopback: one endpoint, whatever is behind it and however slow the way there is. */
export class SlowProxy {
  /** How long bytes take in each direction, in milliseconds. */
  latencyMs = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(
    /** Where new connections lead; those there are stay where they are. */
    public targetPort: number,
  ) {
    this.#server = createServer((client) => this.#connect(client));
  }

  static async start(targetPort: number): Promise<SlowProxy> {
    const proxy = new SlowProxy(targetPort);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #connect(client: Socket): void {
    const server = connect(this.targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      this.#relay(socket, other);
    }
  }

  /** Keeps the order, also when the latency becomes less. */
  #relay(from: Socket, to: Socket): void {
    const waiting: Buffer[] = [];
    let free = 0;
    from.on('data', (bytes: Buffer) => {
      const now = performance.now();
      free = Math.max(free, now + this.latencyMs);
      if (waiting.length === 0 && free <= now) return to.write(bytes);
      waiting.push(bytes);
      setTimeout(() => to.write(waiting.shift() ?? ''), free - now);
      return undefined;
    });
  }
}
