// Binary messages are read as Rust reads them (crates/protocol/tests/fixtures.rs), and garbage is an error with a code.

import { describe, expect, it } from 'vitest';
import fixtures from '../../../crates/protocol/fixtures/binary-messages.json';
import { readMessage } from './binary';
import { CallError } from './error';

const STREAM = '0123456789abcdef0123456789abcdef';

function bytes(hex: string): ArrayBuffer {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16)).buffer;
}

/** The message of a fixture, with `values` written at `at`. */
function changed(about: string, at: number, values: readonly number[]): ArrayBuffer {
  const fixture = fixtures.find((one) => one.about === about);
  if (fixture === undefined) throw new Error(`no fixture about ${about}`);
  const message = new Uint8Array(bytes(fixture.hex));
  message.set(values, at);
  return message.buffer;
}

const refusal = (read: unknown): string => (read instanceof CallError ? read.code : 'read');

describe('readMessage', () => {
  it.each(fixtures)('reads $about', ({ hex, kind, data_hex }) => {
    expect(readMessage(STREAM, bytes(hex))).toEqual({ stream_id: STREAM, ...kind, data: bytes(data_hex) });
  });

  it.each(fixtures)('refuses every cut of $about that loses part of the header', ({ hex, data_hex }) => {
    const headBytes = (hex.length - data_hex.length) / 2;
    for (let length = 0; length < headBytes; length++) {
      expect(refusal(readMessage(STREAM, bytes(hex).slice(0, length)))).toBe('bad_answer');
    }
  });

  it('refuses kinds it does not know', () => {
    for (const kind of [0, 3, 255]) {
      expect(refusal(readMessage(STREAM, changed('a chunk without capture time', 0, [kind])))).toBe('bad_answer');
    }
  });

  it('refuses numbers that a double would round', () => {
    for (const at of [8, 16, 24, 32]) {
      const message = changed('a chunk without capture time', at, [0xff, 0xff]);
      expect(refusal(readMessage(STREAM, message))).toBe('bad_answer');
    }
  });

  it('refuses a type that is not text', () => {
    const message = changed('an init segment whose origin time is known', 24, [0xff]);
    expect(refusal(readMessage(STREAM, message))).toBe('bad_answer');
  });

  it('skips fields that a later version appends', () => {
    const media = fixtures.find(({ about }) => about === 'a chunk without capture time')?.hex ?? '';
    const longer = `${media.slice(0, 4)}003c${media.slice(8, 104)}0011223344556677${media.slice(104)}`;
    expect(readMessage(STREAM, bytes(longer))).toEqual(readMessage(STREAM, bytes(media)));
  });

  it('never throws, whatever comes', () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31);
    for (let round = 0; round < 5_000; round++) {
      const message = Uint8Array.from({ length: random() % 80 }, () => (random() >> 8) & 0xff);
      if (message.length > 0) message[0] = round % 4;
      expect(() => readMessage(STREAM, message.buffer)).not.toThrow();
    }
  });
});
