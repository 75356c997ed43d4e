import { Body, Controller, HttpCode, HttpStatus, Post } from '@nestjs/common';
// The DTOs must be imported as values: they are the metadata by which the validation pipe knows the rules.
import {
  MimcPushService,
  PushToAccountDto,
  PushToAccountsDto,
  PushToTopicDto,
  PushToTopicsDto,
  type BatchPushReceipt,
  type PushReceipt,
} from 'nestjs-mimc';
import { ToAccountDocs, ToAccountsDocs, ToTopicDocs, ToTopicsDocs } from '../docs/push-routes.docs.js';
import { ClientGone } from '../http/client-gone.decorator.js';

/** MIMC's four pushes under their own paths, with the vendor's bodies but for the credentials, which this API adds. */
@Controller('push')
export class PushController {
  constructor(private readonly mimc: MimcPushService) {}

  @Post('p2p')
  @HttpCode(HttpStatus.ACCEPTED)
  @ToAccountDocs()
  toAccount(@Body() dto: PushToAccountDto, @ClientGone() signal: AbortSignal): Promise<PushReceipt> {
    return this.mimc.toAccount(dto, { signal });
  }

  @Post('p2p/more')
  @HttpCode(HttpStatus.ACCEPTED)
  @ToAccountsDocs()
  toAccounts(@Body() dto: PushToAccountsDto, @ClientGone() signal: AbortSignal): Promise<BatchPushReceipt> {
    return this.mimc.toAccounts(dto, { signal });
  }

  @Post('p2t')
  @HttpCode(HttpStatus.ACCEPTED)
  @ToTopicDocs()
  toTopic(@Body() dto: PushToTopicDto, @ClientGone() signal: AbortSignal): Promise<PushReceipt> {
    return this.mimc.toTopic(dto, { signal });
  }

  @Post('p2t/more')
  @HttpCode(HttpStatus.ACCEPTED)
  @ToTopicsDocs()
  toTopics(@Body() dto: PushToTopicsDto, @ClientGone() signal: AbortSignal): Promise<BatchPushReceipt> {
    return this.mimc.toTopics(dto, { signal });
  }
}
