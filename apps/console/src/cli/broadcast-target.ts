import { createHash } from 'node:crypto';
import type { Environment } from '../../../sample-api/src/settings.js';
import { readMode } from '../settings.js';

/**
 * A digest of where messages go: the emulator of demo mode, or an app of MIMC.
 *
 * @throws MimcError as {@link readMode} does
 */
export function targetDigest(env: Environment): string {
  const mode = readMode(env);
  // Demo mode has no app id: the emulator uses its own.
  const target = mode === 'demo' ? [mode] : [mode, env.MIMC_APP_ID];
  return createHash('sha256').update(JSON.stringify(target)).digest('hex');
}
