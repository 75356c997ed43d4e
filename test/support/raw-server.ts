import { once } from 'node:events';
import { AddressInfo, createServer, Socket } from 'node:net';

/** A TCP server on loopback that does exactly what a test says. */
export interface RawServer {
  url: string;
  /** Connections so far. */
  connections: number;
  /** Bytes received so far, as text. */
  received: string;
  /** Connections that ended. */
  closed: number;
  close(): Promise<void>;
}

/** Starts a server that hands every connection to `serve`, and every chunk of it to `onData`. */
export async function startRawServer(onData: (socket: Socket, chunk: string) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    raw.connections += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      raw.closed += 1;
    });
    socket.on('data', (chunk) => {
      raw.received += chunk.toString();
      onData(socket, chunk.toString());
    });
  });
  const raw: RawServer = {
    url: '',
    connections: 0,
    closed: 0,
    received: '',
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  raw.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return raw;
}

/** An HTTP reply as it goes over the wire. */
export function httpReply(status: string, body: string, headers: readonly string[] = []): string {
  const head = [`HTTP/1.1 ${status}`, `content-length: ${Buffer.byteLength(body)}`, ...headers];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
