// A waveform is drawn from the available pieces, and has gaps where others are missing.

import { expect, it } from 'vitest';
import { planOf } from './plan';
import { FakeStore, manifestOf, settle } from './fake-library';
import { WaveForm, type Sound } from './waveform';

const store = new FakeStore();
const { pieces } = planOf(manifestOf([store.take('s', 'audio/mpeg', 3)]), () => true);

function sound(loudness: number): Sound {
  return { duration: 10, samples: new Float32Array(1000).fill(-loudness) };
}

it('shows the peaks of available pieces, and nothing else', async () => {
  let decoded = 0;
  const wave = new WaveForm(
    () => Promise.resolve(sound(++decoded === 1 ? 0.5 : 2)),
    () => undefined,
  );
  for (const place of [0, 2, 0]) {
    const piece = pieces[place];
    if (piece) wave.add(piece, new Uint8Array(10), undefined);
  }
  await settle();
  const columns = wave.columns(6, 30_000);
  expect([...columns]).toEqual([0.5, 0.5, NaN, NaN, 1, 1]);
  expect(decoded).toBe(2);
});

it('has a gap if a piece cannot be decoded', async () => {
  const wave = new WaveForm(
    () => Promise.reject(new Error('not sound')),
    () => undefined,
  );
  if (pieces[0]) wave.add(pieces[0], new Uint8Array(10), undefined);
  await settle();
  expect([...wave.columns(3, 30_000)]).toEqual([NaN, NaN, NaN]);
});
