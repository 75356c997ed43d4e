import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { NestApplicationOptions } from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';

/** How long requests in flight may take after the server is closed, in milliseconds. */
const GRACE_MS = 5_000;

/**
 * Closes without waiting for idle connections. Node's own server waits for open connections without a request yet, which
 * browsers keep in reserve, and for kept-alive ones that were busy when it closed.
 */
export class DrainingExpressAdapter extends ExpressAdapter {
  /** Requests in flight of every open connection. */
  readonly #connections = new Map<Socket, number>();
  #closing = false;

  override initHttpServer(options: NestApplicationOptions): void {
    super.initHttpServer(options);
    const server = this.httpServer as Server;
    server.on('connection', (socket) => this.#opened(socket));
    server.on('request', (_request, response) => this.#asked(response));
  }

  override async close(): Promise<void> {
    this.#closing = true;
    const server = this.httpServer as Server;
    const closed = super.close();
    for (const [socket, requests] of this.#connections) if (requests === 0) socket.destroy();
    const grace = setTimeout(() => server.closeAllConnections(), GRACE_MS);
    await closed;
    clearTimeout(grace);
  }

  #opened(socket: Socket): void {
    this.#connections.set(socket, 0);
    socket.once('close', () => this.#connections.delete(socket));
  }

  #asked(response: ServerResponse): void {
    const { socket } = response;
    if (socket === null) return;
    this.#connections.set(socket, (this.#connections.get(socket) ?? 0) + 1);
    response.once('close', () => this.#answered(socket));
  }

  #answered(socket: Socket): void {
    const requests = (this.#connections.get(socket) ?? 1) - 1;
    if (socket.destroyed) return;
    this.#connections.set(socket, requests);
    if (this.#closing && requests === 0) socket.end();
  }
}
