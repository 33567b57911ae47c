// The queue keeps its order and current item through every change, and for the tab.

import { expect, it } from 'vitest';
import { guarded } from '../browser/storage';
import { Queue } from './queue';

function memory() {
  return guarded(() => {
    throw new Error('no storage: memory alone');
  });
}

const item = (name: string) => ({ item_id: name, title: name.toUpperCase() });
const names = (queue: Queue) => queue.items.map(({ item_id }) => item_id).join('');

it('plays an item after the current one, or at its place in the queue', () => {
  const queue = new Queue(memory());
  queue.play(item('a'));
  queue.add(item('b'));
  queue.add(item('b'));
  queue.play(item('c'));
  expect([names(queue), queue.current?.title]).toEqual(['acb', 'C']);
  queue.play(item('a'));
  expect([names(queue), queue.place]).toEqual(['acb', 0]);
  expect(queue.next()?.item_id).toBe('c');
  expect(queue.next()?.item_id).toBe('b');
  expect([queue.hasNext, queue.next()]).toEqual([false, undefined]);
  expect(queue.previous()?.item_id).toBe('c');
});

it('keeps the current item when others are moved or removed', () => {
  const queue = new Queue(memory());
  for (const name of ['a', 'b', 'c', 'd']) queue.add(item(name));
  queue.go(1);
  queue.move(0, 3);
  expect([names(queue), queue.current?.item_id]).toEqual(['bcda', 'b']);
  queue.move(3, 0);
  expect([names(queue), queue.current?.item_id]).toEqual(['abcd', 'b']);
  queue.move(1, 2);
  expect([names(queue), queue.current?.item_id]).toEqual(['acbd', 'b']);
  queue.remove(0);
  expect([names(queue), queue.current?.item_id]).toEqual(['cbd', 'b']);
  queue.forget('b');
  expect([names(queue), queue.current]).toEqual(['cd', undefined]);
  expect(queue.next()?.item_id).toBe('c');
  queue.clear();
  expect(names(queue)).toBe('c');
});

it('survives a reload, and is empty if the stored value is invalid', () => {
  const kept = memory();
  const queue = new Queue(kept);
  queue.play(item('a'));
  queue.add(item('b'));
  expect(new Queue(kept).current?.item_id).toBe('a');
  for (const broken of ['{', '{"items":[1],"place":0}', 'null']) {
    kept.setItem('undead.library-queue', broken);
    expect(new Queue(kept).items).toEqual([]);
  }
});
