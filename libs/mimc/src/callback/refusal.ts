/** Why a callback is refused: its HTTP status, and a sentence that holds nothing of the callback and no secret. */
export class CallbackRefusal extends Error {
  constructor(
    readonly status: number,
    reason: string,
  ) {
    super(reason);
  }
}
