// The rules for titles. Mirrors crates/protocol/src/title.rs; both are tested with
// crates/protocol/fixtures/titles.json.

/** Most characters of a title, before cleaning. */
export const MAX_TITLE_CHARS = 120;

const MAX_MARKS = 6;
/** The dotted circle: a base for combining marks without a letter. */
const NO_LETTER = '\u25cc';
const IGNORABLE = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\u{13430}-\u{1343f}]/u;
const BLANK = /[\p{White_Space}\u2800\u{1d159}\u{13441}\u{13442}\ufffc]/u;
const MARK = /\p{M}/u;
const CASED = /[\p{Lowercase}\p{Uppercase}]/u;
const CONTROL = /[\p{Cc}\u2028\u2029\p{Noncharacter_Code_Point}]/u;
const VARIATION = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const JOINER = /[\u200c\u200d]/;

/** The cleaned title; undefined if `text` is no valid title: invisible, too long, or with control characters. */
export function cleanTitle(text: string): string | undefined {
  const trimmed = text.trim();
  if (Array.from(text).length > MAX_TITLE_CHARS || CONTROL.test(trimmed)) return undefined;
  const title = shown(Array.from(trimmed.normalize('NFC'))).trim();
  return Array.from(title).some(isPlain) ? title : undefined;
}

/** A title for use within a sentence. Its text direction does not affect the words around it (UAX #9, FSI and PDI). */
export function isolated(title: string): string {
  return `\u2068${title}\u2069`;
}

function shown(chars: readonly string[]): string {
  let title = '';
  let before: string | undefined;
  let marks = 0;
  chars.forEach((char, index) => {
    if (!stays(char, before, chars[index + 1], marks)) return;
    if (before === undefined && MARK.test(char)) title += NO_LETTER;
    title += char;
    marks = MARK.test(char) ? marks + 1 : 0;
    before = char;
  });
  return title;
}

function stays(char: string, before: string | undefined, next: string | undefined, marks: number): boolean {
  if (before !== undefined && JOINER.test(char)) return joins(before) && next !== undefined && joins(next);
  if (before !== undefined && VARIATION.test(char)) return isPlain(before) && !CASED.test(before);
  return !IGNORABLE.test(char) && (!MARK.test(char) || marks < MAX_MARKS);
}

function joins(char: string): boolean {
  return (char.codePointAt(0) ?? 0) >= 0x600 && (isPlain(char) || VARIATION.test(char));
}

function isPlain(char: string): boolean {
  return !CONTROL.test(char) && !IGNORABLE.test(char) && !BLANK.test(char);
}
