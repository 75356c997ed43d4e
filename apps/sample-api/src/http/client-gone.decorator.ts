import type { ServerResponse } from 'node:http';
import { createParamDecorator, ExecutionContext } from '@nestjs/common';

/** An `AbortSignal` that aborts when the client hangs up before it has its answer. */
export const ClientGone = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  abortWhenGone(context.switchToHttp().getResponse<ServerResponse>()),
);

/**
 * Watches the response, because the request closes as soon as its body is read. A push still waiting for quota is then
 * dropped; one already dispatched may still arrive.
 */
export function abortWhenGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const abort = () => {
    if (!response.writableFinished) gone.abort();
  };
  if (response.destroyed) abort();
  else response.once('close', abort);
  return gone.signal;
}
