const TIME = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Parses a time of RFC 3339, whose seconds may be left out; undefined for any other text. The offset is required, because a
 * server cannot know whose local time is meant.
 */
export function readTime(text: string): Date | undefined {
  const day = TIME.exec(text)?.[1];
  const time = new Date(text);
  if (day === undefined || Number.isNaN(time.getTime())) return undefined;
  // JavaScript takes 30 February for 2 March.
  return new Date(`${day}T00:00Z`).toISOString().startsWith(day) ? time : undefined;
}
