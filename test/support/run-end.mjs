import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Removes what this run compiled: compiled-processes.ts. */
export default async function removeCompiled({ rootDir }) {
  await rm(join(rootDir, 'dist/test-processes', process.env.TEST_RUN_ID), { recursive: true, force: true });
}
