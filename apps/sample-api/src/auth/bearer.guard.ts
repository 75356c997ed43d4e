import { createHash, timingSafeEqual } from 'node:crypto';
import { CanActivate, ExecutionContext, UnauthorizedException } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { IS_PUBLIC } from './public.decorator.js';

/** Requires the API key as a bearer token (RFC 6750 §2.1), except on `@Public()` routes. */
export class BearerGuard implements CanActivate {
  readonly #expected: Buffer;

  constructor(
    private readonly reflector: Reflector,
    apiKey: string,
  ) {
    this.#expected = digest(apiKey);
  }

  canActivate(context: ExecutionContext): boolean {
    if (this.reflector.getAllAndOverride<boolean>(IS_PUBLIC, [context.getHandler(), context.getClass()])) return true;
    const http = context.switchToHttp();
    const given = bearerToken(http.getRequest<Request>().headers.authorization);
    // Digests have the same length, so the timing reveals neither the key's length nor its beginning.
    if (given !== undefined && timingSafeEqual(digest(given), this.#expected)) return true;
    throw unauthorized(http.getResponse<Response>(), given, 'Send the API key as Authorization: Bearer <key>');
  }
}

/** The exception for a missing or wrong bearer token; sets the `WWW-Authenticate` challenge. */
export function unauthorized(response: Response, given: string | undefined, message: string): UnauthorizedException {
  response.setHeader('WWW-Authenticate', challenge(given));
  return new UnauthorizedException(message);
}

/** RFC 6750 §3: the error is named only when a token was sent. */
function challenge(given: string | undefined): string {
  const realm = 'Bearer realm="sample-api"';
  return given === undefined ? realm : `${realm}, error="invalid_token"`;
}

/** The token in `Authorization: Bearer …`. */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +(.+)$/i.exec(header ?? '')?.[1];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
