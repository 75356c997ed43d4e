import { Body, Controller, Header, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { MimcTokenService } from 'nestjs-mimc';
import { ApiMimcErrors } from 'nestjs-mimc/swagger';
import { ApiJsonBody, ApiKeyNeeded } from '../docs/http-errors.js';
import { ClientGone } from '../http/client-gone.decorator.js';
import { BegunSessionDto, SessionDto } from './session.dto.js';
import { ForUsers, SessionAccount } from './session.guard.js';
import { Sessions } from './sessions.js';

/** Tokens with which clients log in to MIMC; always for the session's user, whatever account the request names. */
@Controller()
export class TokensController {
  constructor(
    private readonly tokens: MimcTokenService,
    private readonly sessions: Sessions,
  ) {}

  /** Called by the server that checked the user's password, with the API key. */
  @Post('sessions')
  @Header('Cache-Control', 'no-store')
  @ApiKeyNeeded()
  @ApiJsonBody()
  @ApiOperation({ summary: 'Start a session for a user whose password has been checked' })
  @ApiCreatedResponse({ type: BegunSessionDto })
  @ApiMimcErrors({ codes: ['MIMC_INVALID'] })
  begin(@Body() { account }: SessionDto): BegunSessionDto {
    return { session: this.sessions.begin(account) };
  }

  /** Called by the user's client, which passes the answer to MIMC's SDK unchanged. */
  @ForUsers()
  @Post('tokens')
  @HttpCode(HttpStatus.OK)
  @Header('Cache-Control', 'no-store')
  @Header('Content-Type', 'application/json')
  @ApiOperation({ summary: 'Issue a MIMC token for the user of the session' })
  @ApiOkResponse({ description: "MIMC's answer, unchanged.", schema: { type: 'object' } })
  @ApiMimcErrors()
  async issue(@SessionAccount() account: string, @ClientGone() signal: AbortSignal): Promise<string> {
    const { envelope } = await this.tokens.issue(account, { signal });
    return envelope;
  }
}
