const MOST = 4;
const WITHIN = 3 * 60_000;

/** Counts how often a server has ended by itself, so that one that always does is not started for ever. */
export class Crashes {
  private times: number[] = [];

  /** Takes in one more, and says whether to start the server again. */
  again(now: number): boolean {
    this.times = [...this.times.filter((each) => now - each < WITHIN), now];
    return this.times.length <= MOST;
  }
}
