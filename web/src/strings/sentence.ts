// Turns server messages, in lower case and without a full stop, into sentences. No DOM.

/** `text` as a sentence; empty if `text` is. */
export function sentence(text: string): string {
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
