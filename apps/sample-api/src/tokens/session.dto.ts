import { ApiProperty } from '@nestjs/swagger';
import { IsString, Length } from 'class-validator';

/** Who logs in. */
export class SessionDto {
  @ApiProperty({ type: 'string', minLength: 1, maxLength: 256, example: 'alice' })
  @Length(1, 256)
  @IsString()
  account!: string;
}

/** A session that has begun. */
export class BegunSessionDto {
  @ApiProperty({ type: 'string', description: 'What the user sends as Authorization: Bearer …; lasts an hour.' })
  session!: string;
}
