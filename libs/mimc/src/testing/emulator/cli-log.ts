import { isPush } from './endpoint.js';
import type { EmulatedRequest } from './ledger.js';

/** What the command line prints of a request: when it ended, what it was and what came of it; neither content nor names. */
export function requestLine(request: EmulatedRequest, at: Date): string {
  const { method, endpoint } = request;
  return [at.toTimeString().slice(0, 8), endpoint ?? `${method} unknown path`, recipients(request), outcome(request)]
    .filter((part) => part !== undefined)
    .join('  ');
}

function recipients({ endpoint, body }: EmulatedRequest): string | undefined {
  if (endpoint === undefined || !isPush(endpoint) || typeof body !== 'object' || body === null) return undefined;
  const { toAccounts, topicIds } = body as Record<string, unknown>;
  const list = toAccounts ?? topicIds;
  const count = Array.isArray(list) ? list.length : 1;
  return `${count} ${count === 1 ? 'recipient' : 'recipients'}`;
}

function outcome({ accepted, status, code }: EmulatedRequest): string {
  if (status === undefined) return 'not answered';
  if (accepted) return 'accepted';
  if (code === undefined) return `HTTP status ${status}`;
  if (code === 200) return 'done';
  return code === 429 ? 'throttled (code 429)' : `refused (code ${code})`;
}
