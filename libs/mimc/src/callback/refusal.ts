/** Why a callback is refused. What it says holds nothing of the callback and no secret. */
export class CallbackRefusal extends Error {
  /**
   * @param status of the answer
   * @param reason in the answer
   * @param detail in the log, where that may say more; one of few, as each is logged once a minute
   */
  constructor(
    readonly status: number,
    reason: string,
    readonly detail = reason,
  ) {
    super(reason);
  }
}
