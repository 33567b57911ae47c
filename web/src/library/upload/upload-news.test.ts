// A page hears of the items of its uploads while the server reads a file, and holds no connection otherwise.

import { expect, it } from 'vitest';
import type { Item } from '../../protocol/item';
import type { NewsListener } from '../news';
import { UploadNews } from './upload-news';
import type { UploadPhase, UploadView } from './uploads';

function setUp() {
  const followed: { listener: NewsListener; signal: AbortSignal }[] = [];
  const heard: string[] = [];
  const phases: UploadPhase[] = [];
  const uploads = {
    get views(): UploadView[] {
      return phases.map((phase, id) => ({ id, name: '', bytes: 1, sentBytes: 1, phase }));
    },
    heard: ({ item_id }: Item) => void heard.push(item_id),
    heardAnew: () => void heard.push('anew'),
  };
  const news = new UploadNews({
    uploads: () => uploads,
    follow: (listener, signal) => void followed.push({ listener, signal }),
  });
  const show = (...next: UploadPhase[]): void => {
    phases.splice(0, phases.length, ...next);
    news.update();
  };
  return { news, followed, heard, show };
}

it('is connected while a file is being read', () => {
  const { news, followed, heard, show } = setUp();
  show('waiting', 'sending', 'paused', 'failed');
  expect(followed).toEqual([]);
  show('reading', 'sending');
  show('reading', 'reading');
  expect([followed.length, news.isHearing]).toEqual([1, false]);
  const { listener, signal } = followed[0] ?? fail();
  listener.began();
  listener.changed('a', { item_id: 'a' } as Item);
  listener.changed('b', undefined);
  expect([heard, news.isHearing]).toEqual([['anew', 'a'], true]);
  listener.broke();
  expect(news.isHearing).toBe(false);
  listener.began();
  show('done', 'failed');
  expect([signal.aborted, news.isHearing]).toEqual([true, false]);
  listener.began();
  expect(news.isHearing).toBe(false);
});

it('connects again for the next file, until the page closes it', () => {
  const { news, followed, show } = setUp();
  show('reading');
  show('done');
  show('done', 'reading');
  expect(followed.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  news.close();
  expect(followed[1]?.signal.aborted).toBe(true);
});

function fail(): never {
  throw new Error('not connected');
}
