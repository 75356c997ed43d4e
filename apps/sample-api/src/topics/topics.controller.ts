import { Body, Controller, Get, Post } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import { type MimcTopicInfo, MimcTopicService } from 'nestjs-mimc';
import { ApiMimcErrors } from 'nestjs-mimc/swagger';
import { ApiJsonBody } from '../docs/http-errors.js';
import { ClientGone } from '../http/client-gone.decorator.js';
import { ForUsers, SessionAccount } from '../tokens/session.guard.js';
import { CreatedTopicDto, NewTopicDto, TopicDto } from './topic.dto.js';

/** Groups of the session's user, whatever account the request names. */
@ForUsers()
@ApiMimcErrors()
@Controller('topics')
export class TopicsController {
  constructor(private readonly topics: MimcTopicService) {}

  /** Not aborted when the client hangs up: then nobody would know whether the group exists. */
  @Post()
  @ApiJsonBody()
  @ApiOperation({ summary: 'Create a group that the user of the session owns' })
  @ApiCreatedResponse({ type: CreatedTopicDto })
  async create(
    @SessionAccount() ownerAccount: string,
    @Body() { topicName, accounts, extra }: NewTopicDto,
  ): Promise<CreatedTopicDto> {
    const created = await this.topics.create({ ownerAccount, topicName, accounts, extra });
    const members = created.members.map(({ account }) => account);
    return Object.assign(shown(created.topicInfo), { members });
  }

  @Get()
  @ApiOperation({ summary: 'List the groups of the user of the session' })
  @ApiOkResponse({ type: [TopicDto] })
  async mine(@SessionAccount() account: string, @ClientGone() signal: AbortSignal): Promise<TopicDto[]> {
    const { topics } = await this.topics.list(account, { signal });
    return topics.map(shown);
  }
}

function shown({ topicId, topicName, ownerAccount }: MimcTopicInfo): TopicDto {
  return { topicId, topicName, ownerAccount };
}
