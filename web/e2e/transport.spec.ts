// Any working transport is used: a WebSocket, Socket.IO if none works, long polling if nothing else does.
import { expect, test, type Page } from '@playwright/test';

import { expectMoving, watchPaintedClock } from './support/painted-clock.ts';
import { Broadcaster, type Viewer } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

let undead: Undead;
let stage: Stage;
let broadcaster: Broadcaster;

test.beforeEach(async () => {
  undead = await Undead.up();
  stage = await Stage.set();
  broadcaster = await stage.goLive(undead.url, 'By any way');
});

test.afterEach(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

async function expectMovingPicture(viewer: Viewer): Promise<void> {
  await viewer.expectPicture();
  const sights = await watchPaintedClock(viewer.page, 3_000);
  expect(sights.length).toBeGreaterThan(10);
  expectMoving(sights);
}

for (const transport of ['ws', 'socketio', 'polling'] as const) {
  test(`?transport=${transport} uses only that transport`, async () => {
    const viewer = await stage.watch(`${broadcaster.watchUrl}?transport=${transport}`);
    await expectMovingPicture(viewer);
    await viewer.expectTransport(transport);
    expect(await viewer.page.getByRole('textbox', { name: 'Link' }).inputValue()).toBe(broadcaster.watchUrl);
  });
}

for (const [how, endless] of [
  ['cuts WebSockets off', false],
  ['lets WebSockets open and nothing through', true],
] as const) {
  test(`a network that ${how} still works, and the next page remembers`, async () => {
    let opened = 0;
    const viewer = await stage.watch(broadcaster.watchUrl, async (page) => {
      await page.routeWebSocket(/\/ws\/[0-9a-f]{32}/, (socket) => {
        opened += 1;
        if (!endless) void socket.close();
      });
    });
    await expectMovingPicture(viewer);
    await viewer.expectTransport('socketio');
    expect(opened).toBe(1);
    await viewer.page.reload();
    await expectMovingPicture(viewer);
    expect(opened).toBe(1);
  });
}

test('broadcasting and watching work by polling if every WebSocket hangs', async () => {
  const hang = async (page: Page): Promise<void> => {
    // The WebSocket opens, but transfers nothing.
    await page.routeWebSocket(/./, () => undefined);
  };
  const page = await stage.page(`${undead.url}/live`, hang);
  const polling = await Broadcaster.goLive(page, 'By polling');
  const viewer = await stage.watch(polling.watchUrl, hang);
  await expectMovingPicture(viewer);
  await viewer.expectTransport('polling');
});
