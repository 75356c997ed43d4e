import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Child } from '../stress/chaos-queue/child.js';
import type { QueueAppSettings } from '../stress/chaos-queue/queue-app.js';

/** Processes run what the compiler makes of test/stress/chaos-queue; apart from that of `npm run chaos:queue`. */
const COMPILED = join(process.cwd(), 'dist/queue-crash/test/stress/chaos-queue');

/** Compiles the processes. */
export async function compileQueueProcesses(): Promise<void> {
  const nest = join(process.cwd(), 'node_modules/@nestjs/cli/bin/nest.js');
  await promisify(execFile)(process.execPath, [nest, 'build', '--path', 'test/redis/queue-crash.tsconfig.json']);
}

/** Starts one of them. */
export function startProcess(name: 'worker-process' | 'producer-process', settings: QueueAppSettings): Child {
  return new Child(pathToFileURL(join(COMPILED, `${name}.js`)), settings);
}
