// Times that people write: `1:23`, `1:02:03`, `45`, `1:23.5`. No DOM.

const TIME = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5})(?:[.,](\d{1,3}))?$/;

/** A written time in ms; undefined if `text` is not a time. */
export function readTime(text: string): number | undefined {
  const found = TIME.exec(text.trim());
  if (found === null) return undefined;
  const [, hours = '0', minutes, seconds = '0', fraction = ''] = found;
  const isClock = minutes !== undefined;
  if (isClock && Number(seconds) >= 60) return undefined;
  if (found[1] !== undefined && Number(minutes) >= 60) return undefined;
  const whole = Number(hours) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds);
  return whole * 1000 + Number(fraction.padEnd(3, '0'));
}

/** A part of an item. */
export interface Clip {
  from_ms?: number;
  to_ms?: number;
}

/** The clip between two written times, empty for the whole item; or which of the two is wrong. */
export function readClip(
  from: string,
  to: string,
  durationMs: number,
): { clip: Clip } | { wrong: 'from' | 'to' | 'order' } {
  const fromMs = from.trim() === '' ? 0 : readTime(from);
  const toMs = to.trim() === '' ? durationMs : readTime(to);
  if (fromMs === undefined) return { wrong: 'from' };
  if (toMs === undefined) return { wrong: 'to' };
  // People write whole seconds, so the end may exceed the item by up to one second.
  if (fromMs >= toMs || fromMs >= durationMs || toMs >= durationMs + 1000) return { wrong: 'order' };
  return {
    clip: { ...(fromMs > 0 ? { from_ms: fromMs } : {}), ...(toMs < durationMs ? { to_ms: toMs } : {}) },
  };
}
