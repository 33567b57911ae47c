// An item's grant is renewed before it expires, failed nodes come last, and stored items work without a main server.

import { describe, expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import type { Playable } from '../protocol/item';
import { ItemAccess } from './access';
import { ITEM_ID, settle } from './fake-library';

function access(play: () => Promise<Playable>, now = () => 0): ItemAccess {
  return new ItemAccess({ itemId: ITEM_ID, play, now, keptBase: 'http://s/tv', origin: 'http://s/' });
}

const playable = { grant: 'g/1', expires_in_s: 100, nodes: ['/tv/cdn/a', 'http://b/x/'] };

describe('access', () => {
  it('gives addresses on the site and elsewhere', async () => {
    const item = access(() => Promise.resolve(playable));
    await item.open();
    expect(item.places).toEqual([`http://s/tv/cdn/a/library/${ITEM_ID}`, `http://b/x/library/${ITEM_ID}`]);
    expect(item.address(item.places[1] ?? '', 'manifest')).toBe(`http://b/x/library/${ITEM_ID}/manifest?grant=g%2F1`);
    item.failed(item.places[0] ?? '');
    expect(item.places[0]).toBe(`http://b/x/library/${ITEM_ID}`);
  });

  it('is renewed halfway through its lifetime', async () => {
    let asked = 0;
    let nowMs = 0;
    const item = access(
      () => Promise.resolve({ ...playable, grant: `g${++asked}` }),
      () => nowMs,
    );
    await item.open();
    nowMs = 49_000;
    item.renewIfDue();
    expect(asked).toBe(1);
    nowMs = 50_000;
    item.renewIfDue();
    item.renewIfDue();
    await settle();
    expect([asked, item.address('p', 'm')]).toEqual([2, 'p/m?grant=g2']);
  });

  it('is offline, without a grant in any address, while the main server cannot be reached', async () => {
    const item = access(() => Promise.reject(new CallError('unreachable', '')));
    await item.open();
    expect([item.isOffline, item.places]).toEqual([true, [`http://s/tv/library/${ITEM_ID}`]]);
    expect(item.address(item.places[0] ?? '', 'manifest')).toBe(`http://s/tv/library/${ITEM_ID}/manifest`);
  });

  it('reports a refusal', async () => {
    const item = access(() => Promise.reject(new CallError('wrong_passphrase', '')));
    await expect(item.open()).rejects.toMatchObject({ code: 'wrong_passphrase' });
  });
});
