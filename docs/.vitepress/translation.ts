/**
 * Where a link inside the site leads: to `href`, or to the first page in Chinese where `href` is a Chinese page that is
 * not there. The switch of languages makes such links, from the reference for instance, which is in English only.
 */
export function translationOrHome(href: string, base: string, translated: readonly string[]): string {
  const path = new URL(href, 'http://site').pathname.replace(/\.html$/, '').slice(base.length);
  const isMissing = path.startsWith('zh/') && path !== 'zh/' && !translated.includes(path);
  return isMissing ? `${base}zh/` : href;
}
