import { Body, Controller, Header, Headers, HttpCode, HttpStatus, Post, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { MimcTokenService } from 'nestjs-mimc';
import { ApiMimcErrors } from 'nestjs-mimc/swagger';
import type { Response } from 'express';
import { bearerToken, unauthorized } from '../auth/bearer.guard.js';
import { Public } from '../auth/public.decorator.js';
import { ApiHttpError, ApiJsonBody, ApiKeyNeeded } from '../docs/http-errors.js';
import { ClientGone } from '../http/client-gone.decorator.js';
import { BegunSessionDto, SessionDto } from './session.dto.js';
import { Sessions } from './sessions.js';

const NO_SESSION = 'Send the session as Authorization: Bearer <session>';

/** Tokens with which clients log in to MIMC: for the user of the session, whatever the request says. */
@Controller()
export class TokensController {
  constructor(
    private readonly tokens: MimcTokenService,
    private readonly sessions: Sessions,
  ) {}

  /** For the server that checked the user's password: it has the API key. */
  @Post('sessions')
  @Header('Cache-Control', 'no-store')
  @ApiKeyNeeded()
  @ApiJsonBody()
  @ApiOperation({ summary: 'Begin a session of a user whose password was checked' })
  @ApiCreatedResponse({ type: BegunSessionDto })
  @ApiMimcErrors({ codes: ['MIMC_INVALID'] })
  begin(@Body() { account }: SessionDto): BegunSessionDto {
    return { session: this.sessions.begin(account) };
  }

  /** For the user's client, which hands the answer to MIMC's SDK as it is. */
  @Public()
  @Post('tokens')
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @Header('Content-Type', 'application/json')
  @ApiOperation({ summary: 'Issue a MIMC token for the user of the session', security: [{ bearer: [] }] })
  @ApiOkResponse({ description: "MIMC's answer as it came.", schema: { type: 'object' } })
  @ApiHttpError(401, 'No session, or one that has ended.', NO_SESSION)
  @ApiMimcErrors()
  async issue(
    @Headers('authorization') header: string | undefined,
    @ClientGone() signal: AbortSignal,
    @Res({ passthrough: true }) response: Response,
  ): Promise<string> {
    const secret = bearerToken(header);
    const account = secret && this.sessions.accountOf(secret);
    if (!account) throw unauthorized(response, secret, NO_SESSION);
    const { envelope } = await this.tokens.issue(account, { signal });
    return envelope;
  }
}
