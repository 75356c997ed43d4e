import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { goals, ratiosOf, regressions } from './goals.js';
import { type Figures, interleave } from './measure.js';
import { run, start } from './processes.js';
import { goalsReport, machine, sectionReport } from './report.js';
import { FULL, QUICK, sections } from './sections.js';

const TOLERANCE = 0.15;
const RESULTS = 'bench/RESULTS.md';
const BASELINE = 'bench/baseline.json';
const PROFILES = 'dist/bench/profiles';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    compare: { type: 'string' },
    'save-baseline': { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});

// Read first, so that a wrong name does not cost a run.
const baseline =
  options.compare === undefined
    ? undefined
    : (JSON.parse(readFileSync(options.compare, 'utf8')) as Record<string, number>);

function say(text: string): void {
  process.stdout.write(`${text}\n\n`);
}

/** Measures what is wanted and returns the report. */
async function bench(stub: string): Promise<string> {
  const results = new Map<string, ReadonlyMap<string, Figures>>();
  const parts = [`# Benchmark\n\n${machine()}`];
  say(parts[0] ?? '');
  for (const section of sections(stub, options.quick ? QUICK : FULL)) {
    const jobs = section.jobs.filter(({ name }) => `${section.title}: ${name}`.includes(options.only));
    if (jobs.length === 0) continue;
    const rows = await interleave(jobs, section.rounds);
    results.set(section.title, rows);
    parts.push(sectionReport(section, rows));
    say(parts.at(-1) ?? '');
  }
  if (results.size === 0) throw new Error(`There is no row '${options.only}'`);
  const found = goals(results);
  parts.push(goalsReport(found));
  say(parts.at(-1) ?? '');
  if (options['save-baseline']) writeFileSync(BASELINE, `${JSON.stringify(ratiosOf(found), null, 2)}\n`);
  if (baseline !== undefined) {
    const worse = regressions(found, baseline, TOLERANCE);
    say(worse.length === 0 ? 'No ratio is more than 15 % worse than in the baseline.' : `Worse:\n${worse.join('\n')}`);
    if (worse.length > 0) process.exitCode = 1;
  }
  return parts.join('\n\n');
}

/** Runs one client alone and leaves its CPU profile. */
async function profile(stub: string, name: string): Promise<void> {
  const flags = ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`];
  const { cpu = 0 } = await run<Figures>('./client-process.js', [name, stub, 20_000, 5_000, 50], flags);
  say(`${cpu.toFixed(1)} µs of CPU a call, with the profiler; the profile is in ${PROFILES}`);
}

const stub = start('./stub.js');
try {
  const [url] = (await once(stub, 'message')) as [string];
  if (options.profile !== undefined) await profile(url, options.profile);
  else {
    const report = await bench(url);
    if (!options.quick && options.only === '') writeFileSync(RESULTS, `${report}\n`);
  }
} finally {
  stub.disconnect();
}
