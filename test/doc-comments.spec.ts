import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';

const src = join(process.cwd(), 'libs/mimc/src');
const manifest = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as {
  exports: Record<string, string | { import: { default: string } }>;
};
const entries = Object.values(manifest.exports)
  .filter((target) => typeof target === 'object')
  .map((target) => join(src, target.import.default.replace(/\.js$/, '.ts')));

/** Exports of an entry, by name, that have no doc comment. */
function undocumented(entry: string): string[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)).config,
    ts.sys,
    '.',
  );
  const program = ts.createProgram([entry], options);
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) throw new Error(`${entry} exports nothing`);
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return target.getDocumentationComment(checker).length === 0 ? [symbol.name] : [];
  });
}

describe('every public export has a doc comment', () => {
  it.each(entries.map((entry) => [join('nestjs-mimc', dirname(entry).slice(src.length)), entry]))(
    'of %s',
    (_name, entry) => {
      expect(undocumented(entry)).toEqual([]);
    },
  );
});

describe('the facts that comments cite are on the page that the package ships', () => {
  const facts = readFileSync('docs/mimc-api.md', 'utf8');
  const sections = new Set(Array.from(facts.matchAll(/^#+ ([\d.]+?)\.? /gm), ([, number]) => number));
  const rows = new Set(Array.from(facts.matchAll(/^\| (\d+) /gm), ([, number]) => number));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

  const cited = files.flatMap((file) => {
    const text = readFileSync(join(src, file), 'utf8').replaceAll(/\s*\n\s*(\*|\/\/) /g, ' ');
    const citations = text.matchAll(/docs\/mimc-api\.md (§[^):;]*)/g);
    return Array.from(citations, ([, places = '']) => ({ file, places }));
  });

  it('as sections and rows of it', () => {
    const missing = cited
      .flatMap(({ file, places }) => [
        ...Array.from(places.matchAll(/§([\d.]*\d)/g), ([, section]) => ({
          file,
          section,
          found: sections.has(section),
        })),
        ...Array.from(places.matchAll(/rows? (\d+)/g), ([, row]) => ({ file, row, found: rows.has(row) })),
      ])
      .filter(({ found }) => !found);
    expect(cited.length).toBeGreaterThan(80);
    expect(missing).toEqual([]);
  });

  it('by the path that it has in the package', () => {
    const bare = files.filter((file) => /(?<!docs\/)mimc-api\.md/.test(readFileSync(join(src, file), 'utf8')));
    expect(bare).toEqual([]);
  });
});
