// A blob larger than a node accepts at once is sent in pieces, and refused pieces are not sent repeatedly.
import { expect, test } from '@playwright/test';

import { heldBlob, holdBlobs } from './support/held-blobs.ts';
import { Broadcaster } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const MIB = 1024 * 1024;

test('13 MiB that no node can read cost their broadcaster a new take, and no traffic', async () => {
  const undead = await Undead.up();
  const stage = await Stage.set();
  let sentBytes = 0;
  const page = await stage.page(`${undead.url}/live`, async (page) => {
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => (sentBytes += payload.length));
    });
    await page.addInitScript(holdBlobs, { untilBytes: 1, padBytes: 13 * MIB });
  });
  const broadcaster = await Broadcaster.goLive(page, 'Large');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  expect(await heldBlob(page)).toBeGreaterThan(13 * MIB);
  await expect(viewer.player).toHaveAttribute('data-take', '1');
  await viewer.expectState('live');
  expect(sentBytes).toBeLessThan(14 * MIB);

  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});
