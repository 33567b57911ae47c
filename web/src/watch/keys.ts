// Maps keys to commands of the player. Letter keys can be switched off: people who use speech input, or whose hand
// slips, would press them by accident (WCAG 2.2, 2.1.4). The focused element keeps the keys that it uses itself.

import { siteMemory, type Memory } from '../browser/storage';

/** A command to the player. */
export type Command =
  'play_pause' | 'go_live' | 'back' | 'forward' | 'mute' | 'stats' | 'keys' | 'picture_in_picture' | 'full_screen';

const KEYS = new Map<string, Command>([
  [' ', 'play_pause'],
  ['k', 'play_pause'],
  ['l', 'go_live'],
  ['arrowleft', 'back'],
  ['arrowright', 'forward'],
  ['m', 'mute'],
  ['i', 'stats'],
  ['f', 'full_screen'],
]);

/** The used fields of a keyboard event. */
export type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'defaultPrevented'>;

/** The used fields of the focused element. */
export interface Focused {
  readonly tagName: string;
  readonly type?: string;
  readonly isContentEditable?: boolean;
}

/** The command of a key; undefined if it is not one of the player's. */
export function commandOf(press: KeyPress, focused: Focused | undefined, letters: boolean): Command | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey || press.defaultPrevented) return undefined;
  if (focused !== undefined && keepsKey(focused, press.key)) return undefined;
  if (press.key.length === 1 && press.key !== ' ' && !letters) return undefined;
  return KEYS.get(press.key.toLowerCase());
}

/** Arrows belong to the player except in inputs, where they move in the text or among choices. */
const isArrow = (key: string): boolean => key.startsWith('Arrow');

/** Input types that use the space bar, but no letters. */
const SPACE_ONLY = ['checkbox', 'radio', 'button', 'submit', 'reset', 'file', 'color', 'image'];

/** Whether the focused element uses a key itself. */
export function keepsKey({ tagName, type, isContentEditable }: Focused, key: string): boolean {
  if (isContentEditable === true) return true;
  switch (tagName.toLowerCase()) {
    case 'textarea':
    case 'select':
      return true;
    case 'button':
    case 'summary':
      return key === ' ';
    case 'input':
      if (isArrow(key)) return true;
      if (type === 'range') return false;
      return type !== undefined && SPACE_ONLY.includes(type) ? key === ' ' : true;
    default:
      return false;
  }
}

const MEMORY_KEY = 'undead.letter-keys';

/** Whether letters are commands; true unless switched off in this browser. */
export function lettersAreOn(memory: Memory = siteMemory): boolean {
  return memory.getItem(MEMORY_KEY) !== 'off';
}

/** Switches letter keys on or off for all players of this site in this browser. */
export function switchLetters(on: boolean, memory: Memory = siteMemory): void {
  if (on) memory.removeItem(MEMORY_KEY);
  else memory.setItem(MEMORY_KEY, 'off');
}
