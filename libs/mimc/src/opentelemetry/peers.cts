import { peersOf } from '../peers.cjs';

/** Loads the API of OpenTelemetry. */
export const loadPeers = peersOf(
  'opentelemetry',
  ['@opentelemetry/api'],
  () => require('@opentelemetry/api') as typeof import('@opentelemetry/api'),
);
