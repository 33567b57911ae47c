// Remembering the tab's own stream: reading back whatever is stored gives a complete stream or nothing.

import { describe, expect, it } from 'vitest';
import type { Memory } from '../browser/storage';
import { keepRemembered, recall, remember, type OwnStream } from './own-stream';

const OWN: OwnStream = {
  stream_id: 'abc',
  title: 'Hello',
  watch_url: '/view/abc',
  publish: { grant: 'secret', nodes: [{ public_url: '/a' }] },
  next_take: 2,
};

function memory(): Memory & { stored: Map<string, string> } {
  const stored = new Map<string, string>();
  return {
    stored,
    getItem: (key) => stored.get(key) ?? null,
    setItem: (key, value) => stored.set(key, value),
    removeItem: (key) => stored.delete(key),
  };
}

describe('own stream', () => {
  it('is recalled unchanged until it is forgotten', () => {
    const store = memory();
    remember(store, OWN);
    expect(recall(store)).toEqual(OWN);
    remember(store, undefined);
    expect(recall(store)).toBeUndefined();
  });

  it('includes every later change', () => {
    const store = memory();
    const keep = keepRemembered(store, OWN);
    const publish = { grant: 'fresh', nodes: [{ public_url: '/b' }] };
    keep({ publish });
    keep({ next_take: 3 });
    expect(recall(store)).toEqual({ ...OWN, publish, next_take: 3 });
  });

  it.each(['', '{', '[]', '7', '{"stream_id":"abc"}', JSON.stringify({ ...OWN, next_take: 'two' })])(
    'is undefined when %s is stored',
    (text) => {
      const store = memory();
      remember(store, OWN);
      for (const key of store.stored.keys()) store.stored.set(key, text);
      expect(recall(store)).toBeUndefined();
    },
  );
});
