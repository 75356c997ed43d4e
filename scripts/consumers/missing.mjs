/** Before the optional peers are installed: an entry that needs some says which, however it is loaded. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const needs = {
  bullmq: 'nestjs-mimc/bullmq needs bullmq and ioredis: npm install bullmq ioredis',
  opentelemetry: 'nestjs-mimc/opentelemetry needs @opentelemetry/api: npm install @opentelemetry/api',
};

for (const [entry, message] of Object.entries(needs)) {
  const loads = [
    ['--input-type=module', '--eval', `import 'nestjs-mimc/${entry}'`],
    ['--input-type=commonjs', '--eval', `require('nestjs-mimc/${entry}')`],
    // What jest takes.
    ['--input-type=commonjs', '--eval', `require('./node_modules/nestjs-mimc/cjs/${entry}')`],
  ];
  for (const load of loads) {
    const { status, stderr } = spawnSync(process.execPath, load, { encoding: 'utf8' });
    assert.notEqual(status, 0);
    assert.ok(stderr.split('\n').includes(`Error: ${message}`), stderr);
  }
  // A caller that can do without the entry catches the error and lives on.
  const caught = `await import('nestjs-mimc/${entry}').catch(({ message }) => process.stdout.write(message))`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', caught], {
    encoding: 'utf8',
  });
  assert.deepEqual({ status, stdout }, { status: 0, stdout: message }, stderr);
  process.stdout.write(`${message}\n`);
}

// This one imports what decorates its classes, so that Node.js itself says what is missing.
await assert.rejects(import('nestjs-mimc/swagger'), { code: 'ERR_MODULE_NOT_FOUND', message: /'@nestjs\/swagger'/ });
process.stdout.write('nestjs-mimc/swagger needs @nestjs/swagger\n');

// The entry has only types of Terminus, whose module the application imports itself.
await import('nestjs-mimc/terminus');
process.stdout.write('nestjs-mimc/terminus loads without Terminus\n');
