/** Units bulk earns for every unit granted past it. See {@link BulkShare} for why a quarter. */
const EARNED_PER_UNIT = 1 / 4;

/** Longest time bulk may be passed over, in milliseconds. */
const MAX_PASSED_OVER_MS = 10_000;

/**
 * Says when the bulk lane has the turn although interactive calls wait.
 *
 * The rule: every unit granted to interactive while bulk waits earns bulk a quarter of a unit. Once its credit covers
 * its head, or 10 s after it was first passed over, bulk is due: interactive gets nothing until that head fits. A grant
 * to bulk spends its units from the credit, never below zero, and ends being passed over. When bulk stops waiting,
 * everything is forgotten.
 *
 * What it guarantees: take any stretch of time in which bulk waits throughout. Let I and B be the units granted in it
 * to the two lanes, W the largest bulk call and U the largest interactive one. The credit starts at no less than 0,
 * grows by I/4 and shrinks by at most B; and as interactive is only granted while the credit is below W, it never passes
 * W + U/4. So I/4 - B < W + U/4. Were bulk granted less than a tenth, that is I > 9B, this would give 5B < 4W + U, and
 * then I + B < 5B + 4W + U < 8W + 2U. Hence **bulk is granted at least 10 % of the units in every stretch, however
 * placed, in which 8W + 2U units are granted or more**. With bulk in chunks of a fifth of the quota that is two seconds'
 * quota next to calls of up to as much, and 3.6 seconds' next to calls of any size; and even when every call of both lanes
 * costs the whole quota it is ten seconds' quota, all that ten seconds can carry. By this reckoning a quarter is the
 * least rate that achieves it. Its price is that bulk gets a fifth in the long run while both lanes are full.
 *
 * When replies are so slow that ten seconds grant fewer units than that, no share of so few calls can be promised; the
 * ten-second rule keeps bulk moving instead.
 */
export class BulkShare {
  #credit = 0;
  #passedOverAt = Infinity;

  /** Whether a bulk head of `units` goes before interactive. */
  isDue(units: number, now: number): boolean {
    return this.#credit >= units || now >= this.dueAt;
  }

  /** When bulk is due for having waited, whatever its credit, on the clock of `performance.now()`. */
  get dueAt(): number {
    return this.#passedOverAt + MAX_PASSED_OVER_MS;
  }

  /** Interactive was granted `units` while bulk waits. */
  passOver(units: number, now: number): void {
    this.#credit += units * EARNED_PER_UNIT;
    if (this.#passedOverAt === Infinity) this.#passedOverAt = now;
  }

  /** Bulk was granted `units`. */
  spend(units: number): void {
    this.#credit = Math.max(0, this.#credit - units);
    this.#passedOverAt = Infinity;
  }

  /** Bulk no longer waits. */
  forget(): void {
    this.#credit = 0;
    this.#passedOverAt = Infinity;
  }
}
