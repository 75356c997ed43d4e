/**
 * The words of a text, for the search of the site: an identifier such as MIMC_QUEUE_FULL whole and in parts, and Chinese,
 * which has no spaces, as every two neighbouring characters. VitePress writes this function into the page as text, so it
 * uses nothing from outside it.
 */
export function tokenize(text: string): string[] {
  return text.split(/[^\p{L}\p{N}_]+/u).flatMap((word) => {
    const parts = word.split(/_+|(\p{Script=Han}+)/u).filter((part) => part !== undefined && part !== '');
    const tokens = parts.flatMap((part) => {
      if (part.length < 3 || !/^\p{Script=Han}/u.test(part)) return [part];
      return Array.from({ length: part.length - 1 }, (_, index) => part.slice(index, index + 2));
    });
    return parts.length > 1 && /^\w+$/.test(word) ? [word].concat(tokens) : tokens;
  });
}
