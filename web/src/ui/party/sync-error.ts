// A member's sync error, as a number for display and a colour. Pure.

/** Up to FINE_MS nobody hears a difference; beyond AUDIBLE_MS everybody does. */
const FINE_MS = 50;
const AUDIBLE_MS = 150;

/** The error with its sign: `+12`, `−8`, `0`. */
export function offBy(errorMs: number): string {
  const ms = Math.round(errorMs);
  if (ms === 0) return '0';
  return ms > 0 ? `+${ms}` : `−${-ms}`;
}

/** The colour of the error. */
export function tone(errorMs: number): 'ok' | 'warn' | 'bad' {
  const ms = Math.abs(errorMs);
  return ms <= FINE_MS ? 'ok' : ms <= AUDIBLE_MS ? 'warn' : 'bad';
}
