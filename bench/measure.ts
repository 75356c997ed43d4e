/** What was measured, by name. */
export type Figures = Record<string, number>;

/** Something that is measured once in every round. */
export interface Job {
  name: string;
  run: () => Promise<Figures>;
}

/** Runs the jobs in turn, round after round, so that what disturbs the machine disturbs all; returns the medians. */
export async function interleave(jobs: readonly Job[], rounds: number): Promise<Map<string, Figures>> {
  const samples = new Map<string, Figures[]>(jobs.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    for (const { name, run } of jobs) {
      process.stderr.write(`round ${round} of ${rounds}: ${name}\n`);
      samples.get(name)?.push(await run());
    }
  }
  return new Map(Array.from(samples, ([name, of]) => [name, medians(of)]));
}

/** Makes `count` calls, always `inFlight` of them at a time; returns how long each took, sorted, in milliseconds. */
export async function hammer(
  call: (index: number) => Promise<unknown>,
  count: number,
  inFlight: number,
): Promise<Float64Array> {
  const latencies = new Float64Array(count);
  let next = 0;
  const lane = async () => {
    while (next < count) {
      const index = next++;
      const begin = performance.now();
      if (typeof (await call(index)) !== 'string') throw new Error('A call came back without a packetId');
      latencies[index] = performance.now() - begin;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return latencies.toSorted();
}

/** The value below which a part of sorted values lies. */
export function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

/** CPU time of this process so far, all threads, in microseconds. */
export function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function medians(samples: readonly Figures[]): Figures {
  const names = Object.keys(samples[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(samples.map((sample) => sample[name] ?? Number.NaN))]));
}

export function median(values: readonly number[]): number {
  return quantile(Float64Array.from(values).toSorted(), 0.5);
}
