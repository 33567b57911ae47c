// One picture is scaled at a time. Only the newest waits, the others are closed, and none leaks.

import { describe, expect, it } from 'vitest';
import { Scaler, type ScaleWorker } from './scaler';
import type { ScaleRequest } from './scaling';

interface FakeFrame {
  name: number;
  closed: boolean;
  close(): void;
}

function frame(name: number): FakeFrame & VideoFrame {
  const made: FakeFrame = { name, closed: false, close: () => (made.closed = true) };
  return made as FakeFrame & VideoFrame;
}

function start() {
  const asked: ScaleRequest[] = [];
  const scaled: unknown[] = [];
  const worker = {
    onmessage: null,
    onerror: null,
    postMessage: (request: ScaleRequest) => asked.push(request),
    terminate: () => undefined,
  } as unknown as ScaleWorker;
  const scaler = new Scaler((done) => scaled.push(done), worker);
  const answer = (data: unknown): void => {
    worker.onmessage?.call(worker as Worker, { data } as MessageEvent);
  };
  return { asked, scaled, scaler, worker, answer };
}

const SIZE = { width: 1920, height: 1080 };

describe('Scaler', () => {
  it('lets only the newest wait', () => {
    const { asked, scaled, scaler, answer } = start();
    const frames = [1, 2, 3].map(frame);
    for (const one of frames) scaler.push(one, SIZE);
    expect(asked).toEqual([{ frame: frames[0], ...SIZE }]);
    expect(frames.map(({ closed }) => closed)).toEqual([false, true, false]);
    answer('first');
    expect(scaled).toEqual(['first']);
    expect(asked[1]).toEqual({ frame: frames[2], ...SIZE });
    expect(scaler.busy).toBe(true);
    answer('third');
    expect(scaler.busy).toBe(false);
  });

  it('continues after a picture that could not be scaled', () => {
    const { asked, scaled, scaler, answer } = start();
    scaler.push(frame(1), SIZE);
    answer(undefined);
    scaler.push(frame(2), SIZE);
    expect(asked).toHaveLength(2);
    expect(scaled).toEqual([]);
  });

  it('is broken if its worker does not load, and keeps no picture', () => {
    const { scaler, worker } = start();
    const [first, waiting] = [frame(1), frame(2)];
    scaler.push(first, SIZE);
    scaler.push(waiting, SIZE);
    expect(scaler.broken).toBe(false);
    worker.onerror?.call(worker as Worker, new Event('error') as ErrorEvent);
    expect([scaler.broken, scaler.busy, waiting.closed]).toEqual([true, false, true]);
  });

  it('closes the waiting picture when it is closed', () => {
    const { scaler } = start();
    const [first, waiting] = [frame(1), frame(2)];
    scaler.push(first, SIZE);
    scaler.push(waiting, SIZE);
    scaler.close();
    expect(waiting.closed).toBe(true);
  });
});
