// Reads lyrics in the LRC format: `[mm:ss.xx]` before each line, several of them before a line that is repeated, `[offset:ms]` for all.
// Tags of single words (`<mm:ss.xx>`) are left out. No DOM.

/** A line of a song. */
export interface LyricLine {
  /** When it is sung, in the song's time. */
  atMs: number;
  /** Empty for a pause. */
  text: string;
}

/** Longest LRC file, bytes. */
export const MAX_LRC_BYTES = 64 * 1024;
/** Most lines of a song; what comes after them is left out. */
export const MAX_LRC_LINES = 2_000;

const TIME = /^\s*\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]/;
/** Spaces but no line ends: with those, reading would take time quadratic in the lines. */
const OFFSET = /^[ \t]*\[offset:[ \t]*([+-]?\d{1,6})[ \t]*\]/im;
const WORD_TIME = /<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>/g;

/** The lines of an LRC file in order of time; none where the text has no times. */
export function readLrc(text: string): LyricLine[] {
  // Positive offsets show lyrics sooner.
  const offsetMs = Number(OFFSET.exec(text)?.[1] ?? 0);
  const lines: LyricLine[] = [];
  for (const row of text.replace(/^\ufeff/, '').split(/\r\n?|\n/)) {
    const times: number[] = [];
    let rest = row;
    for (let time = TIME.exec(rest); time !== null; time = TIME.exec(rest)) {
      times.push(msOf(time));
      rest = rest.slice(time[0].length);
    }
    const words = rest.replace(WORD_TIME, '').replace(/\s+/g, ' ').trim();
    for (const atMs of times) lines.push({ atMs: Math.max(0, atMs - offsetMs), text: words });
  }
  return lines.slice(0, MAX_LRC_LINES).sort((a, b) => a.atMs - b.atMs);
}

function msOf([, minutes = '0', seconds = '0', fraction = '']: RegExpExecArray): number {
  return Number(minutes) * 60_000 + Number(seconds) * 1000 + Number(fraction.padEnd(3, '0'));
}

/** The place of the line that is sung at `ms`; -1 before the first one. */
export function lineAt(lines: readonly LyricLine[], ms: number): number {
  return lines.findLastIndex(({ atMs }) => atMs <= ms);
}
