/** The hours in which a broadcast may send, in a time zone. */
export interface MimcSendWindow {
  /** Start, as `HH:MM`. */
  from: string;
  /** End, exclusive, as `HH:MM`. A time before `from` is on the next day. */
  to: string;
  /** An IANA time zone, such as `Asia/Shanghai`. */
  timeZone: string;
}

const MINUTES_A_DAY = 1_440;
const MINUTE_MS = 60_000;

/** Milliseconds until the window opens; 0 while it is open. */
export function opensInMs({ from, to, timeZone }: MimcSendWindow, now: Date): number {
  const [minute, second] = timeOfDay(now, timeZone);
  const sinceFrom = (minute - minutes(from) + MINUTES_A_DAY) % MINUTES_A_DAY;
  const length = (minutes(to) - minutes(from) + MINUTES_A_DAY) % MINUTES_A_DAY;
  if (sinceFrom < length) return 0;
  return (MINUTES_A_DAY - sinceFrom) * MINUTE_MS - second * 1_000;
}

/** What is wrong with a window; undefined if it is valid. */
export function windowProblem(window: unknown): string | undefined {
  const { from, to, timeZone } = (window ?? {}) as Partial<MimcSendWindow>;
  const isTime = (value: unknown) => typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value);
  if (!isTime(from) || !isTime(to)) return 'must have from and to as HH:MM';
  if (from === to) return 'must have different times in from and to';
  try {
    timeOfDay(new Date(0), String(timeZone));
    return typeof timeZone === 'string' ? undefined : 'must have a timeZone';
  } catch {
    return 'must have an IANA timeZone, such as Asia/Shanghai';
  }
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/** By time zone, as creating one costs far more than using it. */
const formats = new Map<string, Intl.DateTimeFormat>();

function timeOfDay(date: Date, timeZone: string): [minute: number, second: number] {
  const format =
    formats.get(timeZone) ?? new Intl.DateTimeFormat('en-GB', { timeZone, timeStyle: 'medium', hourCycle: 'h23' });
  formats.set(timeZone, format);
  const text = format.format(date);
  return [minutes(text.slice(0, 5)), Number(text.slice(6))];
}
