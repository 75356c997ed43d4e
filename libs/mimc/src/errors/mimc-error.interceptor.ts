import { CallHandler, ExecutionContext, Inject, Injectable, NestInterceptor, Optional } from '@nestjs/common';
import { catchError, Observable, throwError } from 'rxjs';
import { MIMC_ERROR_TABLE, MimcErrorTable, retryAfterSeconds, toHttpException } from './error-table.js';
import { MimcError } from './mimc-error.js';

/** Sets a header on an Express response or a Fastify reply, which share this much. */
export interface HeaderSink {
  header(name: string, value: string): unknown;
  /** Express */
  headersSent?: boolean;
  /** Fastify */
  sent?: boolean;
}

/**
 * Answers a {@link MimcError} thrown by a handler as the Nest exception of {@link mimcErrorTable}, with `Retry-After`
 * when it is known and safe. Other errors, and contexts other than HTTP, pass through. Works on Express and Fastify.
 *
 * @example
 * \@UseInterceptors(MimcErrorInterceptor)
 */
@Injectable()
export class MimcErrorInterceptor implements NestInterceptor {
  constructor(@Optional() @Inject(MIMC_ERROR_TABLE) private readonly table?: Partial<MimcErrorTable>) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    return next.handle().pipe(
      catchError((error: unknown) => {
        if (!MimcError.is(error)) return throwError(() => error);
        setRetryAfter(context.switchToHttp().getResponse<HeaderSink>(), error);
        return throwError(() => toHttpException(error, this.table));
      }),
    );
  }
}

/** Sets `Retry-After` when {@link retryAfterSeconds} knows one. */
export function setRetryAfter(response: HeaderSink, error: MimcError): void {
  const seconds = retryAfterSeconds(error);
  // A streamed answer has already sent its headers.
  if (response.headersSent || response.sent) return;
  if (seconds !== undefined) response.header('Retry-After', String(seconds));
}
