import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import type { MimcBroadcastCheckpoint } from 'nestjs-mimc';
import type { BroadcastProgress } from '../broadcasts/broadcast-state.js';
import type { AudienceFile } from './audience-file.js';
import { type CliOptions, UsageError } from './cli-args.js';
import { systemCode } from './system-error.js';

/** How far a broadcast is. */
export interface CheckpointState {
  checkpoint: MimcBroadcastCheckpoint;
  progress: BroadcastProgress;
}

/** What a checkpoint belongs to: the same line would name somebody else in another file, or in another app. */
interface Stamp {
  audience: string;
  broadcast: string;
  target: string;
}

/** The file that a broadcast goes on from. */
export class CheckpointFile {
  readonly #stamp: Stamp;

  constructor(
    private readonly path: string,
    { digest }: Pick<AudienceFile, 'digest'>,
    { kind, msg, fromAccount, csvColumn }: Pick<CliOptions, 'kind' | 'msg' | 'fromAccount' | 'csvColumn'>,
    target: string,
  ) {
    // A digest: the message need not lie about in another file.
    const broadcast = createHash('sha256')
      .update(JSON.stringify([kind, msg, fromAccount ?? '', ...(csvColumn === undefined ? [] : [csvColumn])]))
      .digest('hex');
    this.#stamp = { audience: digest, broadcast, target };
  }

  /**
   * What was kept; undefined when there is no file.
   *
   * @throws UsageError when it belongs to something else
   */
  async load(): Promise<CheckpointState | undefined> {
    const text = await readFile(this.path, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw new UsageError(`${this.path} cannot be read`);
    });
    if (text === undefined) return undefined;
    const { audience, broadcast, target, checkpoint, progress } = this.#parse(text);
    if (checkpoint === undefined || progress === undefined) throw this.#refusal('is no checkpoint');
    if (audience !== this.#stamp.audience) throw this.#refusal('belongs to another audience, or the file was changed');
    if (broadcast !== this.#stamp.broadcast) throw this.#refusal('belongs to another message, sender, kind or column');
    if (target !== this.#stamp.target) throw this.#refusal('belongs to another app, or to a rehearsal in demo mode');
    return { checkpoint, progress };
  }

  /** Written beside it and renamed, so that there is a whole one at any time; after a loss of power perhaps an older one. */
  async save(state: CheckpointState): Promise<void> {
    const temporary = `${this.path}.tmp`;
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(`${JSON.stringify({ ...this.#stamp, ...state })}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.path);
  }

  #parse(text: string): Partial<Stamp & CheckpointState> {
    try {
      return (JSON.parse(text) ?? {}) as Partial<Stamp & CheckpointState>;
    } catch {
      throw this.#refusal('is no checkpoint');
    }
  }

  #refusal(what: string): UsageError {
    return new UsageError(`${this.path} ${what}: remove it to begin anew, or name another one with --checkpoint`);
  }
}
