// Everything works behind a proxy that passes no WebSockets and accepts requests of at most 1 MB: nginx with only
// `proxy_pass` configured.
import { expect, test } from '@playwright/test';

import { Nginx } from './support/nginx.ts';
import { expectMoving, watchPaintedClock } from './support/painted-clock.ts';
import { heldBlob, holdBlobs } from './support/held-blobs.ts';
import { Broadcaster, type Viewer } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let nginx: Nginx;
let stage: Stage;

/** The browser's error for a WebSocket that a proxy blocked. */
const NO_UPGRADE = /WebSocket connection to .* failed/;

test.afterEach(async () => {
  await stage.strike();
  await nginx.stop();
  expect(stage.complaints.lines.filter((line) => !NO_UPGRADE.test(line))).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

async function begin(nodes: number): Promise<void> {
  undead = await Undead.up({ UNDEAD_NODES: String(nodes) });
  nginx = await Nginx.before(undead.url);
  stage = await Stage.set();
}

async function expectMovingPicture(viewer: Viewer): Promise<void> {
  await viewer.expectPicture();
  const sights = await watchPaintedClock(viewer.page, 3_000);
  expect(sights.length).toBeGreaterThan(10);
  expectMoving(sights);
}

for (const nodes of [1, 2]) {
  test(`a plain nginx before ${nodes === 1 ? 'one node' : 'two nodes'}: broadcast, watch, list`, async () => {
    await begin(nodes);
    const broadcaster = await stage.goLive(nginx.url, 'Behind nginx');
    let opened = 0;
    const viewer = await stage.watch(broadcaster.watchUrl, async (page) => {
      page.on('websocket', (socket) => {
        if (/\/ws\/[0-9a-f]{32}/.test(socket.url())) opened += 1;
      });
      return Promise.resolve();
    });
    await expectMovingPicture(viewer);
    await viewer.expectTransport('polling');
    expect(opened).toBe(1);
    // The tab's next page remembers this, and starts without a WebSocket.
    await viewer.page.reload();
    await expectMovingPicture(viewer);
    expect(opened).toBe(1);

    const list = await stage.page(`${nginx.url}/view`);
    await expect(list.getByText('Behind nginx')).toBeVisible();
    const requests = await nginx.log();
    expect(requests.filter(({ status }) => status >= 500)).toEqual([]);
  });
}

test('media recorded while a page was blocked is sent in requests that pass', async () => {
  await begin(1);
  const page = await stage.page(`${nginx.url}/live`, async (page) => {
    await page.addInitScript(holdBlobs, { untilBytes: 1_500_000, padBytes: 0 });
  });
  const broadcaster = await Broadcaster.goLive(page, 'After a pause');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  await heldBlob(page);
  await expectMovingPicture(viewer);
  const posts = (await nginx.log()).filter(({ method, path }) => method === 'POST' && path.includes('/socket.io/'));
  expect(Math.max(...posts.map(({ requestBytes }) => requestBytes))).toBeGreaterThan(600_000);
  expect(Math.max(...posts.map(({ requestBytes }) => requestBytes))).toBeLessThan(1_000_000);
  expect(posts.filter(({ status }) => status !== 200)).toEqual([]);
  // Nothing was lost: the recorder was not restarted.
  expect(await viewer.tellsNumber('take')).toBe(0);
});
