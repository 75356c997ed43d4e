import { loadPeers } from './peers.cjs';

/** What this entry takes from its peer; without it the entry throws as it is imported, and says what to install. */
export const { context, metrics, SpanKind, SpanStatusCode, trace } = loadPeers();
