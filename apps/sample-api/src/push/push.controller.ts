import { Body, Controller, HttpCode, HttpStatus, Post } from '@nestjs/common';
// Not `import type` for the DTOs: the validation pipe needs the classes.
import {
  type BatchPushReceipt,
  MimcPushService,
  type PushReceipt,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
} from 'nestjs-mimc';
import { ApiMimcErrors, BatchPushReceiptDto, PushReceiptDto } from 'nestjs-mimc/swagger';
import { ApiJsonBody, ApiKeyNeeded } from '../docs/http-errors.js';
import { ClientGone } from '../http/client-gone.decorator.js';
import { ApiPush } from './push.docs.js';

/** MIMC's four pushes under their own paths, with the vendor's bodies without the credentials, which this API adds. */
@ApiKeyNeeded()
@ApiJsonBody()
@ApiMimcErrors()
@Controller('push')
export class PushController {
  constructor(private readonly mimc: MimcPushService) {}

  @Post('p2p')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiPush(PushToAccountDto, {
    summary: 'Push a message to one account',
    receipt: PushReceiptDto,
    bodies: {
      'A text': { toAccount: 'alice', msg: 'hello' },
      Bytes: { toAccount: 'alice', msg: 'AAECAw==', msgType: 'base64', bizType: 'THUMBNAIL', isStore: false },
    },
  })
  toAccount(@Body() dto: PushToAccountDto, @ClientGone() signal: AbortSignal): Promise<PushReceipt> {
    return this.mimc.toAccount(dto, { signal });
  }

  @Post('p2p/more')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiPush(PushToAccountsDto, {
    summary: 'Push the same message to many accounts in one request',
    receipt: BatchPushReceiptDto,
    bodies: { 'A text': { toAccounts: ['alice', 'bob'], msg: 'hello' } },
  })
  toAccounts(@Body() dto: PushToAccountsDto, @ClientGone() signal: AbortSignal): Promise<BatchPushReceipt> {
    return this.mimc.toAccounts(dto, { signal });
  }

  @Post('p2t')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiPush(PushToTopicDto, {
    summary: 'Push a message to one group',
    receipt: PushReceiptDto,
    bodies: { 'A text': { topicId: '21351198708203521', msg: 'hello' } },
  })
  toTopic(@Body() dto: PushToTopicDto, @ClientGone() signal: AbortSignal): Promise<PushReceipt> {
    return this.mimc.toTopic(dto, { signal });
  }

  @Post('p2t/more')
  @HttpCode(HttpStatus.ACCEPTED)
  @ApiPush(PushToTopicsDto, {
    summary: 'Push the same message to many groups in one request',
    receipt: BatchPushReceiptDto,
    bodies: { 'A text': { topicIds: ['21351198708203521', '21351198708203522'], msg: 'hello' } },
  })
  toTopics(@Body() dto: PushToTopicsDto, @ClientGone() signal: AbortSignal): Promise<BatchPushReceipt> {
    return this.mimc.toTopics(dto, { signal });
  }
}
