// Storage that is blocked or full never throws into a page, and values that were put there can still be read back.

import { describe, expect, it } from 'vitest';
import { guarded, siteMemory, tabMemory, type Memory } from './storage';

function blocked(): never {
  throw new DOMException('Access is denied for this document.', 'SecurityError');
}

function fakeStore(): Memory & { values: Map<string, string> } {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

describe('guarded storage', () => {
  it('keeps values in memory while the getter of the store throws', () => {
    const memory = guarded(blocked);
    expect(memory.getItem('a')).toBeNull();
    memory.setItem('a', '1');
    expect(memory.getItem('a')).toBe('1');
    memory.removeItem('a');
    expect(memory.getItem('a')).toBeNull();
  });

  it('keeps values in memory while every method throws', () => {
    const memory = guarded(() => ({ getItem: blocked, setItem: blocked, removeItem: blocked }));
    memory.setItem('a', '1');
    expect(memory.getItem('a')).toBe('1');
  });

  it('stores values if the browser accepts them', () => {
    const store = fakeStore();
    const memory = guarded(() => store);
    memory.setItem('a', '1');
    expect(store.values.get('a')).toBe('1');
    memory.removeItem('a');
    expect(store.values.size).toBe(0);
  });

  it('reads back the newest value when the store is full', () => {
    const store = fakeStore();
    const memory = guarded(() => store);
    memory.setItem('a', 'old');
    expect(memory.stores('a')).toBe(true);
    store.setItem = blocked;
    memory.setItem('a', 'new');
    expect(memory.getItem('a')).toBe('new');
    expect(memory.stores('a')).toBe(false);
  });

  it('does not bring back a value that could not be removed', () => {
    const store = fakeStore();
    const memory = guarded(() => store);
    memory.setItem('a', '1');
    store.removeItem = blocked;
    memory.removeItem('a');
    expect(memory.getItem('a')).toBeNull();
  });

  it('works where there is no storage at all', () => {
    for (const memory of [tabMemory, siteMemory]) {
      memory.setItem('a', '1');
      expect(memory.getItem('a')).toBe('1');
      memory.removeItem('a');
    }
  });
});
