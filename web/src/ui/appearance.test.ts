// Theme and motion follow the system unless chosen, are remembered, and apply to the page.

import { expect, it } from 'vitest';
import { guarded } from '../browser/storage';
import { appearance, chooseAppearance } from './appearance';

it('follows the system until something else is chosen, and again afterwards', () => {
  const memory = guarded(() => {
    throw new Error('site data is blocked');
  });
  const root = { dataset: {} as DOMStringMap };
  expect(appearance(memory)).toEqual({ theme: 'system', motion: true });
  chooseAppearance({ theme: 'dark', motion: false }, memory, root);
  expect(root.dataset).toEqual({ theme: 'dark', motion: 'off' });
  expect(appearance(memory)).toEqual({ theme: 'dark', motion: false });
  chooseAppearance({ theme: 'system', motion: true }, memory, root);
  expect(root.dataset).toEqual({});
  expect(appearance(memory)).toEqual({ theme: 'system', motion: true });
});

it('ignores invalid themes', () => {
  const memory = guarded(() => {
    throw new Error('site data is blocked');
  });
  memory.setItem('undead.theme', 'purple');
  expect(appearance(memory).theme).toBe('system');
});
