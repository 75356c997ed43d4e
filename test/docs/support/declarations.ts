import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './markdown.js';

const SRC = join(ROOT, 'libs/mimc/src');
let program: ts.Program | undefined;

/** Names of the members of an interface or a class that an entry of the library exports. */
export function membersOf(entry: string, name: string): string[] {
  const file = join(SRC, entry);
  program ??= programOfEntries();
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const symbol = module && checker.getExportsOfModule(module).find((exported) => exported.name === name);
  if (symbol === undefined) throw new Error(`${entry} does not export ${name}`);
  const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  return checker
    .getDeclaredTypeOfSymbol(target)
    .getProperties()
    .map((member) => member.name);
}

/** All entries, so that it is made once. */
function programOfEntries(): ts.Program {
  const entries = ['', 'bullmq', 'callback', 'opentelemetry', 'swagger', 'terminus', 'testing'].map((folder) =>
    join(SRC, folder, 'index.ts'),
  );
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  return ts.createProgram(entries, options);
}
