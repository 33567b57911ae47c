// Maps keys to commands of the library's player. As in the live player, letter keys can be switched off, and the
// focused element keeps the keys that it uses itself. No DOM.

import { keepsKey, type Focused, type KeyPress } from '../watch/keys';

/** A command to the player. */
export type DeckCommand =
  | 'play_pause'
  | 'back'
  | 'forward'
  | 'next'
  | 'previous'
  | 'mute'
  | 'louder'
  | 'quieter'
  | 'faster'
  | 'slower'
  | 'full_screen';

const KEYS = new Map<string, DeckCommand>([
  [' ', 'play_pause'],
  ['k', 'play_pause'],
  ['arrowleft', 'back'],
  ['j', 'back'],
  ['arrowright', 'forward'],
  ['l', 'forward'],
  ['arrowup', 'louder'],
  ['arrowdown', 'quieter'],
  ['n', 'next'],
  ['p', 'previous'],
  ['m', 'mute'],
  ['>', 'faster'],
  ['<', 'slower'],
  ['f', 'full_screen'],
]);

/**
 * The command of a key; undefined if it is not one of the player's. `inPlayer`: the focus is in the player, which then
 * uses the up and down arrows.
 */
export function deckCommandOf(
  press: KeyPress,
  focused: Focused | undefined,
  { letters, inPlayer }: { letters: boolean; inPlayer: boolean },
): DeckCommand | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey || press.defaultPrevented) return undefined;
  const key = press.key.toLowerCase();
  if (focused !== undefined && keepsKey(focused, press.key)) return undefined;
  // A slider handles arrows itself.
  if (key.startsWith('arrow') && focused?.type === 'range') return undefined;
  if ((key === 'arrowup' || key === 'arrowdown') && !inPlayer) return undefined;
  if (key.length === 1 && key !== ' ' && !letters) return undefined;
  return KEYS.get(key);
}
