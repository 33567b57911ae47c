// Numbers as people read them.

/** A running time: `0:07`, `12:34`, `1:02:03`. */
export function runningTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** How long something has been going on, for a card: `just now`, `12 min`, `3 h`. */
export function since(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

/** A count that fits on a badge: `7`, `1.2K`, `3.4M`. */
export function count(n: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(n);
}

/** A number of viewers in words. */
export function viewers(n: number): string {
  return n === 1 ? '1 viewer' : `${count(n)} viewers`;
}

/** A rate of bytes as networks count it: `0 Mbit/s`, `3.2 Mbit/s`, `1.4 Gbit/s`. */
export function rate(bytesPerSecond: number): string {
  const megabits = (bytesPerSecond * 8) / 1e6;
  const [value, unit] = megabits < 1000 ? [megabits, 'Mbit/s'] : [megabits / 1000, 'Gbit/s'];
  return `${new Intl.NumberFormat('en', { maximumFractionDigits: 1 }).format(value)} ${unit}`;
}

/** How much of what is allowed: `12 of 5K`, or `12` where nothing is the limit. */
export function share(used: number, limit: number | undefined): string {
  return limit === undefined ? count(used) : `${count(used)} of ${count(limit)}`;
}
