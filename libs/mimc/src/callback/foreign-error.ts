import { errorName } from '../internals.js';

/** A line of a stack trace that contains only the name of a function and a place in the code. */
const FRAME = /^ {4}at (?:[\w.$<>[\] ]{1,200} \()?(?:file:\/\/|node:|\/|[A-Z]:\\)[^\s()]{1,300}:\d+:\d+\)?$/;

const MAX_FRAMES = 10;

/**
 * What the log shows of an error that a handler threw: its kind, such as `QueryFailedError ER_DUP_ENTRY`, and where it was
 * thrown. Its message is omitted, because it may contain what users wrote, or a secret.
 */
export function describe(error: unknown): { kind: string; frames: string | undefined } {
  const name = errorName(error);
  try {
    const { code, stack } = Object(error) as { code?: unknown; stack?: unknown };
    const kind = typeof code === 'string' && /^\w{1,60}$/.test(code) ? `${name} ${code}` : name;
    return { kind, frames: typeof stack === 'string' ? framesOf(stack) : undefined };
  } catch {
    // A getter that throws, or a revoked proxy.
    return { kind: name, frames: undefined };
  }
}

function framesOf(stack: string): string | undefined {
  const frames = stack.split('\n').filter((line) => FRAME.test(line));
  return frames.length > 0 ? frames.slice(0, MAX_FRAMES).join('\n') : undefined;
}
