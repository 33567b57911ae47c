// Formats numbers for display.

import { strings } from '../strings';

/** A running time: `0:07`, `12:34`, `1:02:03`. */
export function runningTime(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, i) => (i === 0 ? String(part) : String(part).padStart(2, '0'))).join(':');
}

/** The length of an item: a sound shorter than a second counts as one, `0:01`. */
export function itemLength(ms: number): string {
  return runningTime(Math.max(1_000, ms));
}

/** Duration on a card: `just now`, `12 min`, `3 h`. */
export function since(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return strings.ages.justNow;
  return minutes < 60 ? strings.ages.minutes(minutes) : strings.ages.hours(Math.floor(minutes / 60));
}

/** Time since an event: `Just now`, `12 min ago`, `3 days ago`. */
export function ago(ms: number): string {
  const hours = Math.floor(ms / 3_600_000);
  if (ms < 60_000) return strings.people.justNow;
  return strings.people.ago(hours < 48 ? since(ms) : strings.ages.days(Math.floor(hours / 24)));
}

/** The same within a phrase: `just now`, `12 min ago`, `3 days ago`. */
export function agoWithin(ms: number): string {
  return ms < 60_000 ? strings.ages.justNow : ago(ms);
}

/** A short count for badges: `7`, `1.2K`, `3.4M`. */
export function count(n: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(n);
}

/** A number of viewers in words. */
export function viewers(n: number): string {
  return strings.viewers(n, count(n));
}

/** A data rate, in bits: `0 Mbit/s`, `3.2 Mbit/s`, `1.4 Gbit/s`. */
export function rate(bytesPerSecond: number): string {
  const megabits = (bytesPerSecond * 8) / 1e6;
  const [value, unit] = megabits < 1000 ? [megabits, 'Mbit/s'] : [megabits / 1000, 'Gbit/s'];
  return `${new Intl.NumberFormat('en', { maximumFractionDigits: 1 }).format(value)} ${unit}`;
}

/** A number of bytes: `312 MB`, `2.6 MB`, `1.4 GB`. */
export function byteSize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  const digits = power > 2 || (power === 2 && value < 10) ? 1 : 0;
  return `${new Intl.NumberFormat('en', { maximumFractionDigits: digits }).format(value)} ${units[power]}`;
}
