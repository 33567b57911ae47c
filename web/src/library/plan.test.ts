// How a player interprets a manifest, and which manifests are invalid.

import { describe, expect, it } from 'vitest';
import { hashOf } from './fake-library';
import { readManifest } from './manifest';
import { placeAt, planOf, smallest, tracksOf } from './plan';

const fragment = (n: number, startMs: number) => ({
  hash: hashOf(`f${n}`),
  bytes: 10,
  start_ms: startMs,
  duration_ms: 1000,
});
const take = { mime: 'audio/mpeg', fragments: [fragment(0, 0), fragment(1, 1000)] };
const alternative = {
  mime: 'audio/mp4; codecs="mp3"',
  init: { hash: hashOf('i'), bytes: 5 },
  fragments: take.fragments,
};

describe('a manifest', () => {
  it('is read with all its parts, but without unknown ones', () => {
    const read = readManifest({
      item_id: 'x',
      new: 1,
      takes: [
        { ...take, alternatives: [alternative] },
        { mime: 'a', fragments: [] },
      ],
    });
    expect(read.takes).toEqual([{ ...take, offset_ms: 0, alternatives: [alternative] }]);
    expect(read.is_growing).toBe(false);
  });

  it.each([
    undefined,
    { item_id: 'x' },
    { item_id: 'x', takes: [{ mime: 'a', fragments: [{ ...fragment(0, 0), hash: '../../secret' }] }] },
    { item_id: 'x', takes: [{ mime: 'a', fragments: [{ ...fragment(0, 0), bytes: -1 }] }] },
    { item_id: 'x', takes: [{ mime: 'a', fragments: [{ ...fragment(0, 0), start_ms: NaN }] }] },
  ])('that cannot be read is refused: %j', (value) => {
    expect(() => readManifest(value)).toThrow(expect.objectContaining({ code: 'bad_answer' }));
  });

  it('drops alternatives that lack fragments of the take', () => {
    const short = { ...alternative, fragments: alternative.fragments.slice(1) };
    expect(readManifest({ item_id: 'x', takes: [{ ...take, alternatives: [short] }] }).takes[0]?.alternatives).toEqual(
      [],
    );
  });
});

describe('a plan', () => {
  const manifest = readManifest({ item_id: 'x', takes: [{ ...take, alternatives: [alternative] }] });

  it('uses the format that the browser plays', () => {
    const own = planOf(manifest, () => true).pieces[0]?.run;
    expect(own).toMatchObject({ mime: 'audio/mpeg', init: undefined, isSequence: true });
    const other = planOf(manifest, (mime) => mime.includes('mp4')).pieces[0]?.run;
    expect(other).toMatchObject({ mime: alternative.mime, init: alternative.init, isSequence: false });
    expect(planOf(manifest, () => false)).toMatchObject({ pieces: [], unplayable: ['audio/mpeg'], durationMs: 2000 });
  });

  it('of the smallest formats uses the one with the fewest bytes per take, at the same times', () => {
    const small = { ...alternative, fragments: take.fragments.map((one) => ({ ...one, bytes: 3 })) };
    const takes = [{ ...take, offset_ms: 500, alternatives: [alternative, small] }, take];
    const { pieces } = planOf(smallest({ item_id: 'x', takes }), () => true);
    expect(pieces.map(({ bytes, run }) => [run.mime, bytes, run.offsetMs])).toEqual([
      ...Array<unknown>(2).fill([alternative.mime, 3, 500]),
      ...Array<unknown>(2).fill([take.mime, 10, 0]),
    ]);
  });

  it('finds the piece at a time', () => {
    const plan = planOf(manifest, () => true);
    expect([-5, 0, 999, 1000, 1999, 2000].map((ms) => placeAt(plan, ms))).toEqual([0, 0, 0, 1, 1, 2]);
  });

  it.each([
    ['audio/mpeg', 'audio'],
    ['video/webm; codecs="vp9,opus"', 'both'],
    ['video/webm;codecs=vp8', 'video'],
    ['video/mp4; codecs="avc1.42E01E, mp4a.40.2"', 'both'],
    ['video/webm; codecs="opus"', 'audio'],
  ])('knows the tracks of %s', (mime, tracks) => expect(tracksOf(mime)).toBe(tracks));
});
