import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A free port of loopback for a server that will be stopped and started again on it.
 *
 * It lies below the ports that systems hand out by themselves (32,768 to 60,999 on Linux, 49,152 up elsewhere). One of those
 * may become the local end of somebody's connection while the server is down, even of a client that tries to reach it.
 */
export async function reusablePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = 10_240 + Math.floor(Math.random() * 22_000);
    if (await isFree(port)) return port;
  }
  throw new Error('No free port between 10,240 and 32,240');
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
