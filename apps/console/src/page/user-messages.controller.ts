import { Body, Controller, HttpCode, HttpStatus, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { MimcEmulator } from 'nestjs-mimc/testing';
// Not `import type`: the validation pipe needs the classes.
import { UserToAccountDto, UserToTopicDto } from './user-message.dto.js';

/** The types of the callbacks sent for a message. */
interface Sent {
  callbacks: string[];
}

/** Simulates messages that users send with a MIMC client; the module registers it only in demo mode. */
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

  /** Marks the sender online, and the recipients as requested. */
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
