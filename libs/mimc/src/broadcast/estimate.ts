/** What a broadcast will take, as far as it can be known in advance. */
export interface MimcBroadcastEstimate {
  requests: number;
  /** Units of quota: one for each recipient. */
  units: number;
  /** When the last request can go out at the earliest, in milliseconds from the first; 0 without a quota. */
  earliestFinishMs: number;
}

/** The estimate for `count` recipients, alone on the quota and with replies that take no time. */
export function estimate(count: number, chunkSize: number, unitsPerSecond: number | undefined): MimcBroadcastEstimate {
  const requests = Math.ceil(count / chunkSize);
  if (unitsPerSecond === undefined || requests === 0) return { requests, units: count, earliestFinishMs: 0 };
  const chunksPerSecond = Math.floor(unitsPerSecond / chunkSize);
  const lastChunk = count - (requests - 1) * chunkSize;
  const seconds = Math.floor((requests - 1) / chunksPerSecond);
  // A short last chunk may fit into what full ones leave of the second before.
  const isFirstOfItsSecond = (requests - 1) % chunksPerSecond === 0 && seconds > 0;
  const fitsBefore = isFirstOfItsSecond && lastChunk <= unitsPerSecond - chunksPerSecond * chunkSize;
  return { requests, units: count, earliestFinishMs: (fitsBefore ? seconds - 1 : seconds) * 1000 };
}
