import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { keepsUp } from '../../apps/console/src/http/client-keeps-up.decorator.js';
import { until } from '../support/broadcast-app.js';

/** More than the system's buffers hold. */
const MUCH = Buffer.alloc(32 * 1024 * 1024, 'x');

describe('a client that follows a stream', () => {
  let server: Server;
  let client: Socket;
  let response: ServerResponse;

  beforeEach(async () => {
    server = createServer();
    const answered = new Promise<ServerResponse>((resolve) => server.once('request', (_, answer) => resolve(answer)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => {}).pause();
    client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    response = await answered;
  });
  afterEach(async () => {
    client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('keeps up while it takes what it is sent, and again once it has', async () => {
    const canTake = keepsUp(response);
    expect(canTake()).toBe(true);
    response.write(MUCH);
    await sleep(50);
    expect(canTake()).toBe(false);
    client.resume();
    await until(canTake);
    expect(response.destroyed).toBe(false);
  });

  it('is cut off when it takes nothing for too long', async () => {
    const begin = performance.now();
    const canTake = keepsUp(response, 500);
    response.write(MUCH);
    await until(() => {
      expect(canTake()).toBe(false);
      return response.destroyed;
    });
    expect(performance.now() - begin).toBeGreaterThan(500);
  });
});
