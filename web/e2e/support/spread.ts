// How far apart members hear the same, from the start times of each member's tones in one recording.

/** Tones that belong together, and their spread, ms. */
export interface Spread {
  /** Time in the recording, ms. */
  atMs: number;
  /** Time from the first to the last member. */
  spreadMs: number;
  /** Each member's deviation from the median of all. */
  offMs: number[];
}

/** Groups the start times of all members; a moment counts if every member has a tone in it. */
export function spreads(members: readonly (readonly number[])[], everyMs: number): Spread[] {
  const [first = [], ...others] = members;
  const found: Spread[] = [];
  for (const atMs of first) {
    const times = [atMs];
    for (const other of others) {
      const near = nearest(other, atMs);
      if (near !== undefined && Math.abs(near - atMs) < everyMs / 2) times.push(near);
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

function nearest(values: readonly number[], to: number): number | undefined {
  const closer = (a: number, b: number): number => (Math.abs(b - to) < Math.abs(a - to) ? b : a);
  return values.length === 0 ? undefined : values.reduce(closer);
}
