/** When the recipients of a broadcast got their messages. */
type Arrivals = readonly [id: string, times: readonly number[]];

/** Until a broadcast is nearly done: its last requests may be those that a worker left behind. */
const NEARLY = 0.9;

/** What each of several broadcasts had of all their units while all of them ran. */
export function sharesOf(broadcasts: readonly Arrivals[]): Record<string, number> {
  const sorted = broadcasts.map(([id, times]) => [id, times.toSorted((a, b) => a - b)] as const);
  const from = Math.max(...sorted.map(([, times]) => times[0] ?? Infinity));
  const to = Math.min(...sorted.map(([, times]) => times[Math.floor(times.length * NEARLY)] ?? -Infinity));
  const units = sorted.map(([id, times]) => [id, times.filter((at) => at >= from && at < to).length] as const);
  const total = units.reduce((sum, [, count]) => sum + count, 0);
  return Object.fromEntries(units.map(([id, count]) => [id, count / total]));
}
