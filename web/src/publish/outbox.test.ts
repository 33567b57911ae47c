// An outbox keeps the order, bounds its memory, and lets another node continue.

import { describe, expect, it } from 'vitest';
import { MAX_SEGMENT_BYTES, Outbox, OUTBOX_LIMITS } from './outbox';

const LIMITS = { keepMs: 1000, keepBytes: 100, resumeBackMs: 300 };

function bytes(length = 10): ArrayBuffer {
  return new ArrayBuffer(length);
}

/** An outbox with `count` segments, 100 ms apart. */
function filled(count: number, limits = LIMITS): Outbox {
  const outbox = new Outbox(3, 'video/webm', limits);
  for (let i = 0; i < count; i++) outbox.push(bytes(), i * 100);
  return outbox;
}

function sendAll(outbox: Outbox): number[] {
  const sent: number[] = [];
  for (let segment = outbox.next(); segment; segment = outbox.next()) sent.push(segment.seq);
  return sent;
}

describe('Outbox', () => {
  it('delivers segments once, in order, numbered from 0', () => {
    const outbox = filled(3);
    expect(sendAll(outbox)).toEqual([0, 1, 2]);
    outbox.push(bytes(), 300);
    expect(sendAll(outbox)).toEqual([3]);
  });

  it('resends what a reconnected node lacks', () => {
    const outbox = filled(5);
    sendAll(outbox);
    expect(outbox.sendFrom(2)).toBe(true);
    expect(sendAll(outbox)).toEqual([2, 3, 4]);
  });

  it('cannot go back to what it no longer keeps, nor ahead of the recorder', () => {
    const outbox = filled(30);
    expect(outbox.sendFrom(0)).toBe(false);
    expect(outbox.sendFrom(30)).toBe(true);
    expect(outbox.sendFrom(31)).toBe(false);
  });

  it('never keeps more than its bytes', () => {
    const outbox = filled(500);
    outbox.sendFrom(490);
    expect(sendAll(outbox)).toHaveLength(10);
    expect(outbox.sendFrom(489)).toBe(false);
  });

  it('never keeps longer than its time', () => {
    const outbox = filled(20, { ...LIMITS, keepBytes: 1e6 });
    expect(outbox.sendFrom(9)).toBe(true);
    expect(outbox.sendFrom(8)).toBe(false);
  });

  it('keeps no segment larger than all of its bytes and marks the take as broken', () => {
    const outbox = new Outbox(0, 'video/webm', LIMITS);
    outbox.push(bytes(101), 0);
    expect(outbox.broken).toBe(true);
    expect(outbox.next()).toBeUndefined();
  });

  it('cuts a large blob into pieces that together are the blob', () => {
    const outbox = new Outbox(0, 'video/webm', OUTBOX_LIMITS);
    const blob = new Uint8Array(13 * 1024 * 1024 + 7).map((_, i) => i % 251);
    outbox.push(blob.buffer, 0);
    outbox.push(bytes(), 100);
    const segments = [];
    for (let segment = outbox.next(); segment; segment = outbox.next()) segments.push(segment);
    const pieces = segments.slice(0, -1);
    expect(pieces).toHaveLength(27);
    expect(Math.max(...pieces.map((piece) => piece.bytes.byteLength))).toBe(MAX_SEGMENT_BYTES);
    const joined = pieces.flatMap((piece) => Array.from(new Uint8Array(piece.bytes).filter((_, i) => i % 1000 === 0)));
    const expected = pieces.flatMap((_, n) => {
      const piece = blob.subarray(n * MAX_SEGMENT_BYTES, (n + 1) * MAX_SEGMENT_BYTES);
      return Array.from(piece.filter((_, i) => i % 1000 === 0));
    });
    expect(joined).toEqual(expected);
    expect(segments.map(({ seq }) => seq)).toEqual([...segments.keys()]);
    expect(segments.flatMap(({ seq, isBlobEnd }) => (isBlobEnd ? [seq] : []))).toEqual([26, 27]);
  });

  it('makes pieces that pass a proxy which takes 1 MB, in base64 and with their event', () => {
    expect((MAX_SEGMENT_BYTES * 4) / 3 + 1_000).toBeLessThan(960_000);
  });

  it('is broken once something fell out unsent', () => {
    const outbox = filled(10);
    expect(outbox.broken).toBe(false);
    outbox.push(bytes(), 1000);
    expect(outbox.broken).toBe(true);
  });

  it('reports how long the oldest unsent segment has waited', () => {
    const outbox = filled(5);
    outbox.next();
    expect(outbox.waitingMs(500)).toBe(400);
    sendAll(outbox);
    expect(outbox.waitingMs(900)).toBe(0);
  });

  it('returns a state old enough to cover what viewers had not yet received', () => {
    const outbox = filled(8);
    for (let seq = 0; seq < 8; seq++) outbox.accept(seq, `after ${seq}`);
    expect(outbox.resumePoint(700)).toBe('after 4');
  });

  it('returns no state while another node can get the whole take', () => {
    const outbox = filled(2);
    outbox.accept(1, 'after 1');
    expect(outbox.resumePoint(150)).toBeUndefined();
  });

  it('returns its oldest state if all are recent and the beginning is gone', () => {
    const outbox = filled(30);
    outbox.accept(28, 'after 28');
    outbox.accept(29, 'after 29');
    expect(outbox.resumePoint(2900)).toBe('after 28');
  });

  it('ignores acks for segments that it no longer keeps', () => {
    const outbox = filled(30);
    outbox.accept(2, 'after 2');
    expect(outbox.resumePoint(9999)).toBeUndefined();
  });
});
