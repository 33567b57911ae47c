// Which key asks the player for what. Letters alone can be switched off: people who speak to their computer, or whose hand
// slips, would press them without knowing (WCAG 2.2, 2.1.4). What has the focus keeps the keys it uses itself.

import { siteMemory, type Memory } from '../browser/storage';

/** What a person can ask of the player. */
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

/** What is read of a keyboard event. */
export type KeyPress = Pick<KeyboardEvent, 'key' | 'ctrlKey' | 'metaKey' | 'altKey' | 'defaultPrevented'>;

/** What is read of the element that has the focus. */
export interface Focused {
  readonly tagName: string;
  readonly type?: string;
  readonly isContentEditable?: boolean;
}

/** What a key asks for; undefined where it is not the player's. */
export function commandOf(press: KeyPress, focused: Focused | undefined, letters: boolean): Command | undefined {
  if (press.ctrlKey || press.metaKey || press.altKey || press.defaultPrevented) return undefined;
  if (focused !== undefined && keepsKey(focused, press.key)) return undefined;
  if (press.key.length === 1 && press.key !== ' ' && !letters) return undefined;
  return KEYS.get(press.key.toLowerCase());
}

/** What arrows do is what the player does, except in inputs: those move in their text, or among their choices. */
const isArrow = (key: string): boolean => key.startsWith('Arrow');

/** Inputs that use the space bar, but no letters. */
const SPACE_ONLY = ['checkbox', 'radio', 'button', 'submit', 'reset', 'file', 'color', 'image'];

/** Whether what has the focus uses a key itself. */
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

/** Whether letters are keys of the player; on unless switched off in this browser. */
export function lettersAreOn(memory: Memory = siteMemory): boolean {
  return memory.getItem(MEMORY_KEY) !== 'off';
}

/** Switches letters on or off, for all of the site's players in this browser. */
export function switchLetters(on: boolean, memory: Memory = siteMemory): void {
  if (on) memory.removeItem(MEMORY_KEY);
  else memory.setItem(MEMORY_KEY, 'off');
}
