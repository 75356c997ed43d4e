import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

interface Lockfile {
  packages: Record<string, { integrity?: string; link?: boolean }>;
}

it('package-lock.json has a checksum for every package: `npm run lock:integrity` adds them', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lockfile;
  const entries = Object.entries(packages).filter(([path, { link }]) => path !== '' && !link);
  expect(entries.length).toBeGreaterThan(500);
  expect(entries.filter(([, { integrity }]) => !integrity?.startsWith('sha512-')).map(([path]) => path)).toEqual([]);
});
