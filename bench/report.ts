import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, totalmem } from 'node:os';
import { type Goal, isMet } from './goals.js';
import type { Figures } from './measure.js';
import type { Column, Section } from './sections.js';

const PACKAGES = ['@nestjs/core', '@nestjs/axios', 'axios', 'undici', 'rate-limiter-flexible', 'bottleneck'];

/** What it was measured on. */
export function machine(): string {
  const processors = cpus();
  return [
    `- ${processors.length} × ${processors[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform} ${process.arch}`,
    `- Node.js ${process.versions.node}`,
    `- ${PACKAGES.map((name) => `${name} ${versionOf(name)}`).join(', ')}`,
  ].join('\n');
}

/** A section as Markdown. */
export function sectionReport({ title, about, columns, rounds }: Section, rows: ReadonlyMap<string, Figures>): string {
  const lines = Array.from(rows, ([name, figures]) => [name, ...columns.map((column) => cell(column, figures, rows))]);
  const head = ['', ...columns.map((column) => column.head)];
  return `## ${title}\n\n${about} Medians of ${rounds}.\n\n${table([head, ...lines])}`;
}

/** The goals as Markdown. */
export function goalsReport(goals: readonly Goal[]): string {
  const lines = goals.map((goal) => [goal.name, goal.value.toFixed(3), limitOf(goal), verdictOf(goal)]);
  return `## Goals\n\n${table([['', 'measured', 'goal', ''], ...lines])}`;
}

function cell({ figure, digits, over }: Column, figures: Figures, rows: ReadonlyMap<string, Figures>): string {
  const value = figures[figure];
  const base = over === undefined ? 1 : rows.get(over)?.[figure];
  return value === undefined || base === undefined ? '' : (value / base).toFixed(digits);
}

function limitOf({ atMost, atLeast }: Goal): string {
  if (atMost !== undefined) return `<= ${atMost}`;
  return atLeast === undefined ? '' : `>= ${atLeast}`;
}

function verdictOf(goal: Goal): string {
  if (limitOf(goal) === '') return '';
  return isMet(goal) ? 'met' : 'NOT MET';
}

function table(lines: readonly string[][]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0);
  const [head = '', ...rest] = lines.map((line) => `| ${line.map(pad).join(' | ')} |`);
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [head, `| ${rule.join(' | ')} |`, ...rest].join('\n');
}

function versionOf(name: string): string {
  const folder = createRequire(import.meta.url)
    .resolve.paths(name)
    ?.map((path) => `${path}/${name}/package.json`);
  for (const file of folder ?? []) {
    try {
      return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    } catch {
      // Not in this node_modules, but in one further up.
    }
  }
  return 'unknown';
}
