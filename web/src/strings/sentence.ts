// What servers say, in lower case and without a full stop, as people read it. No DOM.

/** `text` as a sentence; empty if it is. */
export function sentence(text: string): string {
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
