import { spawnSync } from 'node:child_process';
import { needProgram } from './debian-package.js';

/** Whether a `redis-server` is on the PATH. */
export function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * Makes sure that a `redis-server` is on the PATH.
 *
 * @throws Error that says how to get one
 */
export function needRedisServer(): void {
  needProgram({
    debianPackage: 'redis-server',
    isThere: hasRedisServer,
    hint: 'put a redis-server on the PATH (`sudo apt install redis-server`, `brew install redis`), or set REDIS_URL.',
  });
}
