// How far off a member hears, as a number that people read and a colour that judges it. Pure.

/** Up to so many ms no one hears a difference; beyond the second figure everybody does. */
const FINE_MS = 50;
const AUDIBLE_MS = 150;

/** `+12`, `−8`, `0`. */
export function offBy(errorMs: number): string {
  const ms = Math.round(errorMs);
  if (ms === 0) return '0';
  return ms > 0 ? `+${ms}` : `−${-ms}`;
}

/** What the colour says of it. */
export function tone(errorMs: number): 'ok' | 'warn' | 'bad' {
  const ms = Math.abs(errorMs);
  return ms <= FINE_MS ? 'ok' : ms <= AUDIBLE_MS ? 'warn' : 'bad';
}
