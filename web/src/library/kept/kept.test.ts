// Pages use the worker that they or another page started, and work without one.

import { afterEach, expect, it, vi } from 'vitest';
import { Kept } from './kept';

afterEach(() => vi.useRealTimers());

/** A worker that answers everything with `answer`. */
function worker(answer: unknown): ServiceWorker {
  const postMessage = (_message: unknown, [port]: MessagePort[]): void => port?.postMessage({ answer });
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
