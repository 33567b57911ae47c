// Which key asks the library's player for what. As in the live player, letters can be switched off, and what has the focus keeps the
// keys that it uses itself. No DOM.

import { keepsKey, type Focused, type KeyPress } from '../watch/keys';

/** What a person can ask of the player. */
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

/** What a key asks for; undefined where it is not the player's. `inPlayer`: the focus is there, and the arrows up and down are its own. */
export function deckCommandOf(
  press: KeyPress,
  focused: Focused | undefined,
  { letters, inPlayer }: { letters: boolean; inPlayer: boolean },
): DeckCommand | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey || press.defaultPrevented) return undefined;
  const key = press.key.toLowerCase();
  if (focused !== undefined && keepsKey(focused, press.key)) return undefined;
  // A slider moves by itself.
  if (key.startsWith('arrow') && focused?.type === 'range') return undefined;
  if ((key === 'arrowup' || key === 'arrowdown') && !inPlayer) return undefined;
  if (key.length === 1 && key !== ' ' && !letters) return undefined;
  return KEYS.get(key);
}
