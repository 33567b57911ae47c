// Who is offered jobs, and which files an item can become.

import { expect, it } from 'vitest';
import type { Me } from '../protocol/account';
import type { Item } from '../protocol/item';
import { exportFormats, hasKaraoke, mayStartJobs } from './rules';

const ITEM = { state: 'ready', owner: 'ann', tracks: [{ kind: 'audio', codec: 'flac' }] } as Item;

function me(name: string, more: Partial<Me> = {}): Me {
  const account = { name, role: 'broadcaster' as const };
  return { account, broadcast: 'open', may_broadcast: true, setup_needed: false, jobs: 'account', ...more };
}

it('offers jobs as the policy says', () => {
  expect(mayStartJobs(me('bob'), ITEM)).toBe(true);
  expect(mayStartJobs(me('bob', { jobs: 'owner' }), ITEM)).toBe(false);
  expect(mayStartJobs(me('ann', { jobs: 'owner' }), ITEM)).toBe(true);
  const operator = me('root', { jobs: 'owner', account: { name: 'root', role: 'operator' } });
  expect(mayStartJobs(operator, ITEM)).toBe(true);
  expect(mayStartJobs({ ...operator, jobs: 'off' }, ITEM)).toBe(false);
});

it('offers none to people without an account, on older servers, or for incomplete items', () => {
  const older = me('ann');
  delete older.jobs;
  expect(mayStartJobs(older, ITEM)).toBe(false);
  expect(mayStartJobs(me('ann', { account: null }), ITEM)).toBe(false);
  expect(mayStartJobs(undefined, ITEM)).toBe(false);
  for (const more of [{ state: 'growing' }, { state: 'failed' }, { deleted_until_ms: 1 }])
    expect(mayStartJobs(me('ann'), { ...ITEM, ...more } as Item)).toBe(false);
});

it('lists the files that an item can be exported to', () => {
  expect(exportFormats(ITEM)[0]).toBe('mp3');
  expect(exportFormats({ tracks: [{ kind: 'video', codec: 'vp9' }] })).toEqual(['mp4', 'webm', 'mkv']);
});

it('tells whether an item has a karaoke player', () => {
  const song = { ...ITEM, stems: { vocals: 'v', accompaniment: 'a' } };
  expect([hasKaraoke(song), hasKaraoke(ITEM), hasKaraoke(undefined)]).toEqual([true, false, false]);
});
