import type { IncomingMessage } from 'node:http';

/** The media type of a body, in lower case and without parameters; undefined when its charset is not UTF-8. */
export function mediaType({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charsets = parameters.map((parameter) => /^\s*charset="?([^"\s]*)/.exec(parameter)?.[1]);
  return charsets.every((charset) => charset === undefined || charset === 'utf-8') ? type.trim() : undefined;
}
