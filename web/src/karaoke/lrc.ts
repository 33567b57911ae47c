// Reads lyrics in the LRC format: `[mm:ss.xx]` before each line, several of them before a repeated line, `[offset:ms]`
// for all. Times of single words (`<mm:ss.xx>`) are omitted. No DOM.

/** A line of lyrics. */
export interface LyricLine {
  /** Start time, in the song's time. */
  atMs: number;
  /** Empty for a pause. */
  text: string;
}

/** Longest LRC file, bytes. */
export const MAX_LRC_BYTES = 64 * 1024;
/** Most lines of a song; further ones are dropped. */
export const MAX_LRC_LINES = 2_000;

const TIME = /^\s*\[(\d{1,3}):(\d{1,2})(?:[.:](\d{1,3}))?\]/;
/** Matches spaces but no line ends; otherwise reading would take time quadratic in the lines. */
const OFFSET = /^[ \t]*\[offset:[ \t]*([+-]?\d{1,6})[ \t]*\]/im;
const WORD_TIME = /<\d{1,3}:\d{1,2}(?:[.:]\d{1,3})?>/g;

/** The lines of an LRC file in order of time; empty if the text has no times. */
export function readLrc(text: string): LyricLine[] {
  // Positive offsets show lyrics earlier.
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

/** The index of the line that is sung at `ms`; -1 before the first one. */
export function lineAt(lines: readonly LyricLine[], ms: number): number {
  return lines.findLastIndex(({ atMs }) => atMs <= ms);
}
