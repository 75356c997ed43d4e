import { createHash } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import type { MimcBroadcastCheckpoint } from 'nestjs-mimc';
import type { BroadcastProgress } from '../broadcasts/broadcast-state.js';
import type { AudienceFile } from './audience-file.js';
import { type CliOptions, UsageError } from './cli-args.js';
import { systemCode } from './system-error.js';

/** The progress of a broadcast. */
export interface CheckpointState {
  checkpoint: MimcBroadcastCheckpoint;
  progress: BroadcastProgress;
}

/** What a checkpoint belongs to: in another file or app the same line means another recipient. */
interface Stamp {
  audience: string;
  broadcast: string;
  target: string;
}

/** The file from which a broadcast continues. */
export class CheckpointFile {
  readonly #stamp: Stamp;

  constructor(
    private readonly path: string,
    { digest }: Pick<AudienceFile, 'digest'>,
    { kind, msg, fromAccount, csvColumn }: Pick<CliOptions, 'kind' | 'msg' | 'fromAccount' | 'csvColumn'>,
    target: string,
  ) {
    // A digest keeps the message itself out of the file.
    const broadcast = createHash('sha256')
      .update(JSON.stringify([kind, msg, fromAccount ?? '', ...(csvColumn === undefined ? [] : [csvColumn])]))
      .digest('hex');
    this.#stamp = { audience: digest, broadcast, target };
  }

  /**
   * Reads the saved state; returns undefined if the file does not exist.
   *
   * @throws UsageError when it belongs to something else
   */
  async load(): Promise<CheckpointState | undefined> {
    const text = await readFile(this.path, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw new UsageError(`Cannot read ${this.path}`);
    });
    if (text === undefined) return undefined;
    const { audience, broadcast, target, checkpoint, progress } = this.#parse(text);
    if (checkpoint === undefined || progress === undefined) throw this.#refusal('is not a checkpoint');
    if (audience !== this.#stamp.audience) throw this.#refusal('belongs to another audience, or the file has changed');
    if (broadcast !== this.#stamp.broadcast) throw this.#refusal('belongs to another message, sender, kind or column');
    if (target !== this.#stamp.target) throw this.#refusal('belongs to another app, or to a run in demo mode');
    return { checkpoint, progress };
  }

  /** Written to a temporary file and renamed, so that a complete one always exists; after a power loss perhaps an older one. */
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
      throw this.#refusal('is not a checkpoint');
    }
  }

  #refusal(what: string): UsageError {
    return new UsageError(`${this.path} ${what}; remove it to start over, or choose another file with --checkpoint`);
  }
}
