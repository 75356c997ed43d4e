import { peersOf } from '../peers.cjs';

export const { context, metrics, SpanKind, SpanStatusCode, trace } = peersOf(
  'opentelemetry',
  ['@opentelemetry/api'],
  () => require('@opentelemetry/api') as typeof import('@opentelemetry/api'),
);
