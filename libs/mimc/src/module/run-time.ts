import { notSent } from '../errors/mimc-error.js';

/**
 * Refuses to boot where no push could be sent: Bun resolves `undici` to a module of its own, whose classes cannot dispatch
 * (seen in Bun 1.4.5), so that every push would fail as if MIMC could not be reached.
 *
 * @throws MimcError `MIMC_CONFIG` under Bun
 */
export function refuseBun(): void {
  if (process.versions.bun === undefined) return;
  const message = 'MimcModule needs Node.js: Bun replaces undici, through which it sends, by a stub that cannot send';
  throw notSent('MIMC_CONFIG', message);
}
