import { createRequire, register } from 'node:module';
import { cpuMicros } from './measure.js';
import { report } from './processes.js';

/** Measures an import: `library`, `peers`, `both`, or `barred`, the library where the optional peers cannot be imported. */
process.on('disconnect', () => process.exit());

const OPTIONAL = /(?:^|node_modules\/)(?:bullmq|ioredis|@opentelemetry\/api|@nestjs\/(?:terminus|bullmq))(?:\/|$)/;

const importPeers = () =>
  Promise.all([
    import('@nestjs/core'),
    import('@nestjs/common'),
    import('axios'),
    import('@nestjs/axios'),
    import('@nestjs/config'),
    import('class-validator'),
    import('class-transformer'),
    import('undici'),
  ]);
const importLibrary = () => import('#mimc/index.js');

async function timed(load: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = cpuMicros();
  const begin = performance.now();
  await load();
  return { wall: performance.now() - begin, cpu: (cpuMicros() - before) / 1_000 };
}

/** How many modules of optional peers were asked for, by `import`, which is then refused, or by `require`. */
async function optional(): Promise<Record<string, number>> {
  const hook = `export const resolve = (name, context, next) => {
    if (${OPTIONAL}.test(name)) throw new Error('The core entry imports ' + name);
    return next(name, context);
  };`;
  register(`data:text/javascript,${encodeURIComponent(hook)}`);
  await importLibrary();
  const required = Object.keys(createRequire(import.meta.url).cache);
  return { loaded: required.filter((file) => OPTIONAL.test(file)).length };
}

const loads: Readonly<Record<string, () => Promise<unknown>>> = {
  library: importLibrary,
  peers: importPeers,
  both: async () => [await importPeers(), await importLibrary()],
};

const load = loads[process.argv[2] ?? ''];
report(await (load === undefined ? optional() : timed(load)));
