// What a title is. Mirrors crates/protocol/src/title.rs; both are held to crates/protocol/fixtures/titles.json.

/** Most characters of a title, counted in its clean form. */
export const MAX_TITLE_CHARS = 120;

const MAX_MARKS = 6;
const IGNORABLE = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb\u{13430}-\u{1343f}]/u;
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;
const BLANK = /[\u2800\u{1d159}\u{13441}\u{13442}\ufffc]/u;
const MARK = /\p{M}/u;
const CASED = /[\p{Lu}\p{Ll}\p{Lt}]/u;
const CONTROL = /[\p{Cc}\u2028\u2029\p{Noncharacter_Code_Point}]/u;
const VARIATION = /[\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
const JOINER = /[\u200c\u200d]/;

/** The title that `text` stands for; undefined if it is none: it shows nothing, is too long or has control characters. */
export function cleanTitle(text: string): string | undefined {
  const trimmed = text.trim();
  if (CONTROL.test(trimmed)) return undefined;
  const title = shown(Array.from(trimmed.normalize('NFC'))).trim();
  const chars = Array.from(title);
  return chars.length <= MAX_TITLE_CHARS && chars.some(isVisible) ? title : undefined;
}

/** A title within a sentence: whatever its direction, the words around it stay in their order (UAX #9, FSI and PDI). */
export function isolated(title: string): string {
  return `\u2068${title}\u2069`;
}

function shown(chars: readonly string[]): string {
  let title = '';
  let before: string | undefined;
  let marks = 0;
  chars.forEach((char, index) => {
    if (!stays(char, before, chars[index + 1], marks)) return;
    title += char;
    marks = MARK.test(char) ? marks + 1 : 0;
    before = char;
  });
  return title;
}

function stays(char: string, before: string | undefined, next: string | undefined, marks: number): boolean {
  if (before !== undefined && JOINER.test(char)) return joins(before) && next !== undefined && joins(next);
  if (before !== undefined && VARIATION.test(char)) return isVisible(before) && !CASED.test(before);
  if (MARK.test(char) && !IGNORABLE.test(char)) return before !== undefined && marks < MAX_MARKS;
  return !IGNORABLE.test(char);
}

function joins(char: string): boolean {
  return (char.codePointAt(0) ?? 0) >= 0x600 && (MARK.test(char) || isVisible(char));
}

function isVisible(char: string): boolean {
  return VISIBLE.test(char) && !IGNORABLE.test(char) && !BLANK.test(char);
}
