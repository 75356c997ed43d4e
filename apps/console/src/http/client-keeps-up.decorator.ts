import type { ServerResponse } from 'node:http';
import { createParamDecorator, ExecutionContext } from '@nestjs/common';

/** Milliseconds for which a client may leave untaken what it was sent. */
const PATIENCE_MS = 30_000;

/** Asked before each event of a stream: whether the client has taken those before. */
export type KeepsUp = () => boolean;

/** A {@link KeepsUp} of the request's client. */
export const ClientKeepsUp = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  keepsUp(context.switchToHttp().getResponse<ServerResponse>()),
);

/**
 * Nothing piles up for a client that reads slowly: it is told again once it has taken all bytes of what it was told. One
 * that takes no more is cut off.
 */
export function keepsUp(response: ServerResponse, patienceMs = PATIENCE_MS): KeepsUp {
  let takenAt = performance.now();
  return () => {
    const now = performance.now();
    if (response.writableLength === 0) {
      takenAt = now;
      return true;
    }
    if (now - takenAt > patienceMs) response.destroy();
    return false;
  };
}
