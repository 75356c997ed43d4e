import { Body, Controller, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { MimcEmulator } from 'nestjs-mimc/testing';
// Values: the validation pipe knows their rules by them.
import { UserToAccountDto, UserToTopicDto } from './user-message.dto.js';

/** The types of the callbacks that are sent for a message. */
interface Sent {
  callbacks: string[];
}

/** Plays what users send with a client of MIMC; in demo mode only, as the module has it. */
@ApiExcludeController()
@Controller('console/user-messages')
export class UserMessagesController {
  constructor(private readonly emulator: MimcEmulator) {}

  @Post('account')
  @HttpCode(HttpStatus.ACCEPTED)
  toAccount(@Body() { from, toAccount, text, isOffline }: UserToAccountDto): Sent {
    this.#note(from, [toAccount], isOffline);
    return typesOf(this.emulator.userSends({ from, to: toAccount, text }));
  }

  @Post('topic')
  @HttpCode(HttpStatus.ACCEPTED)
  toTopic(@Body() { from, topicId, text, isOffline }: UserToTopicDto): Sent {
    const members = this.emulator.topicMembers(topicId) ?? [];
    this.#note(from, members, isOffline);
    return typesOf(this.emulator.userSends({ from, topicId, text }));
  }

  /** Who writes is online, whatever the others are. */
  #note(from: string, accounts: readonly string[], isOffline: boolean | undefined): void {
    for (const account of isOffline === undefined ? [] : accounts) {
      if (isOffline) this.emulator.setOffline(account);
      else this.emulator.setOnline(account);
    }
    this.emulator.setOnline(from);
  }
}

function typesOf(callbacks: ReturnType<MimcEmulator['userSends']>): Sent {
  return { callbacks: callbacks.map(({ msgType }) => msgType) };
}
