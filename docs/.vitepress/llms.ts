import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GuidePage, LANGUAGES, type Language, sectionsOf } from './sections.js';

/** The text of llms.txt: a line for each page of the guide, with what the page says about itself first. */
export function llmsText(base: string): string {
  const languages = Object.keys(LANGUAGES) as Language[];
  const sections = languages.flatMap((language) =>
    sectionsOf(language).map(({ title, pages }) => {
      const lines = pages.map((page) => `- [${page.title}](${base}${addressOf(page)}): ${introductionOf(page.file)}`);
      return `## ${title}\n\n${lines.join('\n')}\n`;
    }),
  );
  return ['# nestjs-mimc\n', '> A NestJS module that pushes messages through Xiaomi MIMC.\n', ...sections].join('\n');
}

function addressOf({ path }: GuidePage): string {
  return path.endsWith('/') ? path : `${path}.html`;
}

/** The first sentence under the heading of a page, without its links. */
function introductionOf(file: string): string {
  const text = readFileSync(join(import.meta.dirname, '..', file), 'utf8');
  const paragraph = /^# .+\n+(.+)$/m.exec(text)?.[1] ?? '';
  const plain = paragraph.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
  return /^.+?(?:\.(?= |$)|。)/.exec(plain)?.[0] ?? plain;
}
