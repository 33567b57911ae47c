// Pages use the worker that they or another page started, and work without one.

import { afterEach, expect, it, vi } from 'vitest';
import { Kept } from './kept';
import type { Message } from './messages';

afterEach(() => vi.useRealTimers());

/** A worker that answers everything with `answer`, and notes what it was asked. */
function worker(answer: unknown, asked: string[] = []): ServiceWorker {
  const postMessage = ({ ask }: Message, [port]: MessagePort[]): void => {
    asked.push(ask);
    port?.postMessage({ answer });
  };
  return { postMessage } as unknown as ServiceWorker;
}

function container(more: Partial<Record<keyof ServiceWorkerContainer, unknown>>): ServiceWorkerContainer {
  const never = new Promise<never>(() => undefined);
  return {
    controller: null,
    ready: never,
    register: () => Promise.resolve(),
    ...more,
  } as unknown as ServiceWorkerContainer;
}

it('requests wait for the worker that the page starts', async () => {
  const kept = new Kept(container({ ready: Promise.resolve({ active: worker(['a']) }) }));
  const among = kept.among(['a', 'b']);
  kept.start('/worker.js', '/');
  expect([...(await among)]).toEqual(['a']);
});

it('a page that starts none uses the registered one', async () => {
  const registered = { getRegistration: () => Promise.resolve({ active: worker(['a']) }) };
  expect([...(await Kept.joined(container(registered)).among(['a']))]).toEqual(['a']);
  const none = { getRegistration: () => Promise.resolve(undefined) };
  expect([...(await Kept.joined(container(none)).among(['a']))]).toEqual([]);
});

it('a worker that is never ready stores nothing, and blocks nothing', async () => {
  vi.useFakeTimers();
  const kept = new Kept(container({}));
  kept.start('/worker.js', '/');
  const among = kept.among(['a']);
  await vi.runAllTimersAsync();
  expect([...(await among)]).toEqual([]);
});

it('fragments are stored once it is known for whom, also if the worker takes over the page before', async () => {
  const asked: string[] = [];
  let start: (ready: { active: ServiceWorker }) => void = () => undefined;
  const workers = container({ ready: new Promise((resolve) => (start = resolve)) });
  const kept = new Kept(workers);
  kept.keep('i', { hash: 'a', bytes: 1 }, new Uint8Array(1));
  kept.start('/worker.js', '/');
  const told = kept.isFor(null);
  const active = worker([], asked);
  Object.assign(workers, { controller: active });
  const among = kept.among([]);
  start({ active });
  await Promise.all([told, among]);
  expect(asked).toEqual(['person', 'among', 'keep']);
});

it('fragments are stored if it cannot be known for whom', async () => {
  const asked: string[] = [];
  const kept = new Kept(container({ controller: worker([], asked) }));
  kept.keep('i', { hash: 'a', bytes: 1 }, new Uint8Array(1));
  await kept.isFor(undefined);
  await kept.among([]);
  expect(asked).toEqual(['keep', 'among']);
});
