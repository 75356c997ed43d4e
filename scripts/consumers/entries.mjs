/** Every entry of the package loads, and is one copy in a process, whether it is imported or required. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { name, exports: entries } = require('nestjs-mimc/package.json');

for (const entry of Object.keys(entries)) {
  if (entry === './package.json') continue;
  const specifier = entry.replace('.', name);
  const imported = await import(specifier);
  const required = require(specifier);
  assert.notEqual(Object.keys(imported).length, 0);
  for (const key of Object.keys(imported)) assert.equal(required[key], imported[key], `${specifier}: ${key}`);
  process.stdout.write(`${specifier} is the same imported and required\n`);
}
