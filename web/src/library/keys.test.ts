// Keys reach the library's player unless the focused element uses them.

import { expect, it } from 'vitest';
import { deckCommandOf } from './keys';

const press = (key: string) => ({ key, ctrlKey: false, metaKey: false, altKey: false, defaultPrevented: false });
const where = { letters: true, inPlayer: true };

it.each([
  [' ', undefined, 'play_pause'],
  ['ArrowLeft', undefined, 'back'],
  ['M', undefined, 'mute'],
  ['x', undefined, undefined],
  [' ', { tagName: 'BUTTON' }, undefined],
  ['n', { tagName: 'INPUT', type: 'search' }, undefined],
  ['ArrowLeft', { tagName: 'INPUT', type: 'range' }, undefined],
  ['m', { tagName: 'INPUT', type: 'range' }, 'mute'],
])('%j at %j is %s', (key, focused, command) => expect(deckCommandOf(press(key), focused, where)).toBe(command));

it('letters can be off, and arrows scroll the page if the focus is elsewhere', () => {
  expect(deckCommandOf(press('m'), undefined, { ...where, letters: false })).toBeUndefined();
  expect(deckCommandOf(press('ArrowUp'), undefined, { ...where, inPlayer: false })).toBeUndefined();
  expect(deckCommandOf(press('ArrowUp'), undefined, where)).toBe('louder');
});
