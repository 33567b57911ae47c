// How far apart members hear the same: from when the tones of each began in one recording.

/** The tones that belong together, and how far apart they were, ms. */
export interface Spread {
  /** Of the first recording's millisecond. */
  atMs: number;
  /** From the first to the last member. */
  spreadMs: number;
  /** Each member against the median of all. */
  offMs: number[];
}

/** Groups the beginnings of all members; a moment counts if every member has a tone in it. */
export function spreads(members: readonly (readonly number[])[], everyMs: number): Spread[] {
  const [first = [], ...others] = members;
  const found: Spread[] = [];
  for (const atMs of first) {
    const times = [atMs];
    for (const other of others) {
      const near = other.find((ms) => Math.abs(ms - atMs) < everyMs / 2);
      if (near !== undefined) times.push(near);
    }
    if (times.length < members.length) continue;
    const middle = quantile(times, 0.5);
    found.push({ atMs, spreadMs: Math.max(...times) - Math.min(...times), offMs: times.map((ms) => ms - middle) });
  }
  return found;
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
