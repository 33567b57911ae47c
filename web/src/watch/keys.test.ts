// Which keys are commands of the player.

import { describe, expect, it } from 'vitest';
import { guarded } from '../browser/storage';
import { commandOf, lettersAreOn, switchLetters, type Focused, type KeyPress } from './keys';

function press(key: string, more: Partial<KeyPress> = {}): KeyPress {
  return { key, ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false, ...more };
}

const input = (type: string): Focused => ({ tagName: 'INPUT', type });

describe('commandOf', () => {
  it('reads letters of either case, and the space bar', () => {
    expect(
      ['k', 'K', ' ', 'm', 'f', 'l', 'i', 'q', 'ArrowUp'].map((key) => commandOf(press(key), undefined, true)),
    ).toEqual([
      'play_pause',
      'play_pause',
      'play_pause',
      'mute',
      'full_screen',
      'go_live',
      'stats',
      undefined,
      undefined,
    ]);
  });

  it('ignores keys that the browser or the page uses', () => {
    for (const more of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { defaultPrevented: true }]) {
      expect(commandOf(press('f', more), undefined, true)).toBeUndefined();
    }
  });

  it.each([
    ['a text field', input('text'), [undefined, undefined]],
    ['a passphrase', input('password'), [undefined, undefined]],
    ['a text area', { tagName: 'TEXTAREA' }, [undefined, undefined]],
    ['a list', { tagName: 'SELECT' }, [undefined, undefined]],
    ['text that can be edited', { tagName: 'DIV', isContentEditable: true }, [undefined, undefined]],
    ['a button', { tagName: 'BUTTON', type: 'button' }, ['mute', undefined]],
    ['a check box', input('checkbox'), ['mute', undefined]],
    ['the volume', input('range'), ['mute', 'play_pause']],
    ['a link', { tagName: 'A' }, ['mute', 'play_pause']],
  ] as const)('with the focus on %s', (_, focused, expected) => {
    expect([commandOf(press('m'), focused, true), commandOf(press(' '), focused, true)]).toEqual(expected);
    for (const key of ['ArrowUp', 'Home', 'PageUp']) expect(commandOf(press(key), focused, true)).toBeUndefined();
    const usesArrows = !['BUTTON', 'A'].includes(focused.tagName);
    expect(commandOf(press('ArrowLeft'), focused, true)).toBe(usesArrows ? undefined : 'back');
  });

  it('goes back and forward by arrows, letters or not', () => {
    for (const letters of [true, false]) {
      expect(['ArrowLeft', 'ArrowRight'].map((key) => commandOf(press(key), undefined, letters))).toEqual([
        'back',
        'forward',
      ]);
    }
  });

  it('keeps only the space bar when letters are off', () => {
    expect(['k', 'm', 'f', 'i', 'l', ' '].map((key) => commandOf(press(key), undefined, false))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      'play_pause',
    ]);
  });
});

it('remembers that letters are off', () => {
  const stored = new Map<string, string>();
  const store = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  expect(lettersAreOn(guarded(() => store))).toBe(true);
  switchLetters(
    false,
    guarded(() => store),
  );
  expect(lettersAreOn(guarded(() => store))).toBe(false);
  switchLetters(
    true,
    guarded(() => store),
  );
  expect(lettersAreOn(guarded(() => store))).toBe(true);
});
