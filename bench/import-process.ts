import { createRequire, register } from 'node:module';
import { cpuMicros } from './measure.js';
import { report } from './processes.js';

/** Measures an import: `library`, `peers`, `both`, or `barred`, the library where the optional peers cannot be imported. */
process.on('disconnect', () => process.exit());

const OPTIONAL =
  /(?:^|node_modules\/)(?:bullmq|ioredis|@opentelemetry\/api|@nestjs\/(?:terminus|bullmq|swagger))(?:\/|$)/;

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

type Spent = Record<'wall' | 'cpu', number>;

async function timed(load: () => Promise<unknown>): Promise<Spent> {
  const before = cpuMicros();
  const begin = performance.now();
  await load();
  return { wall: performance.now() - begin, cpu: (cpuMicros() - before) / 1_000 };
}

/** The peers, then the library, and what both cost over what the peers cost, in the same process. */
async function both(): Promise<Record<string, number>> {
  const peers = await timed(importPeers);
  const library = await timed(importLibrary);
  const [wall, cpu] = [peers.wall + library.wall, peers.cpu + library.cpu];
  return { wall, wallRatio: wall / peers.wall, cpu, cpuRatio: cpu / peers.cpu };
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

const measures: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  library: () => timed(importLibrary),
  peers: () => timed(importPeers),
  both,
  barred: optional,
};

const [name = ''] = process.argv.slice(2);
const measure = measures[name];
if (measure === undefined) throw new Error(`There is no import of '${name}'`);
report(await measure());
