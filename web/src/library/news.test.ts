// Changes of the person's own items as the server tells them: to whom, and what follows from a broken connection.

import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ServerEvent } from '../api/event-stream';
import { FakeSight } from '../api/fake-sight';
import { CallError } from '../protocol/error';
import type { Item } from '../protocol/item';
import { followItems } from './news';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const item = { item_id: 'a', title: 'A', state: 'processing' } as Item;
const reset: ServerEvent = { type: 'reset', data: '{}' };

/** Each connection gives what `answers` has next; after the last one, nothing is heard. */
function follow(...answers: (ServerEvent[] | CallError)[]) {
  const stop = new AbortController();
  const heard: unknown[] = [];
  const asked: string[] = [];
  const server = {
    async *events(signal: AbortSignal, url?: string): AsyncGenerator<ServerEvent> {
      asked.push(url ?? '');
      const given = answers.shift();
      await Promise.resolve();
      if (given instanceof CallError) throw given;
      if (given === undefined)
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
      else yield* given;
    },
  };
  const listener = {
    began: () => heard.push('began'),
    changed: (id: string, item: Item | undefined) => heard.push([id, item]),
    broke: () => heard.push('broke'),
  };
  followItems(listener, stop.signal, { server, sight: new FakeSight() });
  return { stop, heard, asked };
}

it('tells what changed and what is gone, and begins anew on another connection', async () => {
  const changed = { type: 'item_changed', data: JSON.stringify(item) };
  const removed = { type: 'item_removed', data: '{"item_id":"a"}' };
  const { stop, heard, asked } = follow([reset, changed, { type: 'other', data: '' }, removed], [reset]);
  await vi.advanceTimersByTimeAsync(60_000);
  stop.abort();
  expect(heard).toEqual(['began', ['a', item], ['a', undefined], 'broke', 'began', 'broke']);
  expect(new Set(asked)).toEqual(new Set(['/api/library/events']));
});

it('ends when the person is not signed in any more', async () => {
  const { heard, asked } = follow([reset], new CallError('unauthorized', 'sign in first'));
  await vi.advanceTimersByTimeAsync(600_000);
  expect(heard).toEqual(['began', 'broke', 'broke']);
  expect(asked).toHaveLength(2);
});
