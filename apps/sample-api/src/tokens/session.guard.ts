import {
  applyDecorators,
  CanActivate,
  createParamDecorator,
  ExecutionContext,
  Injectable,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { bearerToken, unauthorized } from '../auth/bearer.guard.js';
import { Public } from '../auth/public.decorator.js';
import { ApiHttpError } from '../docs/http-errors.js';
import { Sessions } from './sessions.js';

const NO_SESSION = 'Send the session as Authorization: Bearer <session>';

/** The account of each authenticated request. */
const accounts = new WeakMap<Request, string>();

/** Requires a session as a bearer token. */
@Injectable()
export class SessionGuard implements CanActivate {
  constructor(private readonly sessions: Sessions) {}

  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const secret = bearerToken(request.headers.authorization);
    const account = secret && this.sessions.accountOf(secret);
    if (!account) throw unauthorized(http.getResponse<Response>(), secret, NO_SESSION);
    accounts.set(request, account);
    return true;
  }
}

/** Marks a route or a controller for users: it requires a session instead of the API key. */
export const ForUsers = () =>
  applyDecorators(
    Public(),
    UseGuards(SessionGuard),
    ApiBearerAuth(),
    ApiHttpError(401, 'The session is missing or has ended.', NO_SESSION),
  );

/** The account of the session, whatever account the request names. */
export const SessionAccount = createParamDecorator((_data: unknown, context: ExecutionContext) =>
  accounts.get(context.switchToHttp().getRequest<Request>()),
);
