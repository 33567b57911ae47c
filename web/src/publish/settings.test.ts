// Remembered choices: the stored value may be old, damaged or from another version.

import { describe, expect, it } from 'vitest';
import type { Memory } from '../browser/storage';
import { loadSettings, lowerQuality, quality, saveSettings, type Settings } from './settings';

function memory(text?: string): Memory {
  let stored = text ?? null;
  return { getItem: () => stored, setItem: (_key, value) => void (stored = value), removeItem: () => undefined };
}

const DEFAULTS: Settings = { title: '', quality: 'Standard', microphone: false, visibility: 'public', record: false };

describe('settings', () => {
  it('are loaded as they were saved', () => {
    const store = memory();
    const chosen: Settings = {
      title: 'Hello',
      quality: 'Sharp',
      microphone: true,
      visibility: 'private',
      record: true,
    };
    saveSettings(store, chosen);
    expect(loadSettings(store)).toEqual(chosen);
  });

  it.each([undefined, '', 'null', '[1]', '{"title":7,"quality":"8K","microphone":"yes","visibility":"all"}'])(
    'are the defaults if %s is stored',
    (text) => expect(loadSettings(memory(text))).toEqual(DEFAULTS),
  );
});

describe('lowerQuality', () => {
  it('goes down one step at a time, to the lowest', () => {
    expect(lowerQuality(quality('Sharp'))?.name).toBe('Standard');
    expect(lowerQuality(quality('Standard'))?.name).toBe('Light');
    expect(lowerQuality(quality('Light'))).toBeUndefined();
  });
});
