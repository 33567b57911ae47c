// Segments leave a recorder in the order they were cut, even if their bytes become readable in another order.

import { describe, expect, it, vi } from 'vitest';
import { Recorder, type RecorderListener } from './recorder';

class FakeRecorder extends EventTarget {
  state = 'inactive';
  readonly mimeType = 'video/webm;codecs=vp9,opus';
  start = vi.fn(() => (this.state = 'recording'));

  stop(): void {
    this.state = 'inactive';
    this.dispatchEvent(new Event('stop'));
  }

  give(data: Partial<Blob>): void {
    this.dispatchEvent(Object.assign(new Event('dataavailable'), { data }));
  }
}

/** A blob of one byte, `value`, which becomes readable when the returned function is called. */
function slowBlob(value: number): { blob: Partial<Blob>; readable: () => void } {
  let readable = (): void => undefined;
  const bytes = new Promise<ArrayBuffer>((resolve) => {
    readable = () => resolve(new Uint8Array([value]).buffer);
  });
  return { blob: { size: 1, arrayBuffer: () => bytes }, readable };
}

function start() {
  const fake = new FakeRecorder();
  const got: number[] = [];
  const failures: unknown[] = [];
  const started = vi.fn();
  const listener: RecorderListener = {
    started,
    segment: (bytes) => got.push(new Uint8Array(bytes)[0] ?? -1),
    failed: (cause) => failures.push(cause),
  };
  const create = vi.fn(() => fake as unknown as MediaRecorder);
  const settings = {
    type: 'video/webm;codecs=vp9,opus',
    videoBitsPerSecond: 1,
    audioBitsPerSecond: 1,
  };
  const recorder = new Recorder({} as MediaStream, settings, listener, create);
  return { fake, got, failures, recorder, create, started };
}

describe('Recorder', () => {
  it('asks for a keyframe every second', () => {
    const { create } = start();
    expect(create.mock.calls[0]).toMatchObject([{}, { videoKeyFrameIntervalDuration: 1000 }]);
  });

  it('reports when the recording started, before its first segment', async () => {
    const { fake, got, started, recorder } = start();
    fake.dispatchEvent(new Event('start'));
    expect(started.mock.calls).toEqual([[expect.any(Number)]]);
    expect(got).toEqual([]);
    await recorder.stop();
  });

  it('keeps the order even if a later blob is read first', async () => {
    const { fake, got, recorder } = start();
    const [first, second] = [slowBlob(1), slowBlob(2)];
    fake.give(first.blob);
    fake.give(second.blob);
    second.readable();
    await Promise.resolve();
    first.readable();
    await recorder.stop();
    expect(got).toEqual([1, 2]);
  });

  it('delivers the last segment before it stops', async () => {
    const { fake, got, recorder } = start();
    const last = slowBlob(9);
    fake.give(last.blob);
    last.readable();
    await recorder.stop();
    expect(got).toEqual([9]);
  });

  it('omits empty blobs', async () => {
    const { fake, got, recorder } = start();
    fake.give({ size: 0, arrayBuffer: () => Promise.resolve(new ArrayBuffer(0)) });
    await recorder.stop();
    expect(got).toEqual([]);
  });

  it('fails once, when a blob cannot be read, and delivers nothing after the gap', async () => {
    const { fake, got, failures, recorder } = start();
    const gone = new Error('gone');
    fake.give({ size: 1, arrayBuffer: () => Promise.reject(gone) });
    const next = slowBlob(2);
    fake.give(next.blob);
    next.readable();
    fake.dispatchEvent(new Event('error'));
    await recorder.stop();
    expect(failures).toHaveLength(1);
    expect(got).toEqual([]);
  });
});
