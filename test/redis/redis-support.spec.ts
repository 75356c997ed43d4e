import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { mayStartRedis, startRedis } from '../support/redis.js';

(mayStartRedis() ? describe : describe.skip)('a Redis of the test', () => {
  it('loses nothing over a crash when it has persistence, and comes back on the same port', async () => {
    const server = await startRedis({ persistence: true });
    const client = new Redis(server.url);
    try {
      client.on('error', () => {});
      await client.set('key', 'value');
      await server.kill();
      await server.restart();
      await expect(client.get('key')).resolves.toBe('value');
      await server.restart();
      await expect(client.get('key')).resolves.toBe('value');
    } finally {
      client.disconnect();
      await server.stop();
      await server.stop();
    }
  });

  it('forgets everything over a restart when it has none', async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    try {
      client.on('error', () => {});
      await client.set('key', 'value');
      await server.restart();
      await expect(client.get('key')).resolves.toBeNull();
    } finally {
      client.disconnect();
      await server.stop();
    }
  });
});
