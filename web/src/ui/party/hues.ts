// Hues for things without a colour of their own. Pure.

/** A hue in degrees, derived from hex digits such as an id or a digest. */
export function hueOf(digits: string): number {
  return (parseInt(digits.slice(0, 6), 16) || 0) % 360;
}

/** A hue in degrees, derived from a text. */
export function hueOfText(text: string): number {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 360_007;
  return sum % 360;
}
