// Kills servers during playback: main server and nodes are separate processes, ended without warning.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from '@playwright/test';

import { Firefox } from './support/firefox.ts';
import type { Watching } from './support/pages.ts';
import { expectMoving, watchPaintedClock } from './support/painted-clock.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const SECRET = { UNDEAD_CLUSTER_SECRET: 'only for this test' };

let stage: Stage;
let mainServer: Undead;
let nodes: Undead[];

async function startMainServer(dataDir: string, listen: string): Promise<Undead> {
  return await Undead.start(['main-server', '--listen', listen, '--data-dir', dataDir], SECRET, dataDir);
}

async function startNode(name: string): Promise<Undead> {
  const flags = ['--listen', '127.0.0.1:0', '--main-server', mainServer.url, '--hostname', name];
  return await Undead.start(['cdn', ...flags], SECRET);
}

test.beforeEach(async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'undead-failover-'));
  mainServer = await startMainServer(dataDir, '127.0.0.1:0');
  nodes = [await startNode('one'), await startNode('two')];
  for (const node of nodes) {
    await expect.poll(async () => (await fetch(`${node.url}/readyz`)).status).toBe(200);
  }
  stage = await Stage.set();
});

test.afterEach(async () => {
  await stage.strike();
  // Browsers may report only refused and broken connections.
  const unexpected = stage.complaints.lines.filter(
    (line) => !/ERR_|WebSocket connection|establish a connection|was interrupted/.test(line),
  );
  expect(unexpected).toEqual([]);
  for (const server of [...nodes, mainServer]) await server.stop();
});

/** Kills the viewer's node, and waits until another one delivers pictures. */
async function killNodeOf(viewer: Watching): Promise<void> {
  const address = (await viewer.tells('node')) ?? '';
  const carrying = nodes.find(({ url }) => address.includes(new URL(url).port));
  expect(carrying).toBeDefined();
  carrying?.kill();
  await expect.poll(() => viewer.tells('node')).not.toBe(address);
  await viewer.expectPicture();
}

test('the node dies: broadcaster and viewer continue at the other one, without a reload', async () => {
  const broadcaster = await stage.goLive(mainServer.url, 'Node dies');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  await viewer.expectTransport('ws');
  await killNodeOf(viewer);
  await viewer.expectTransport('ws');
  const sights = await watchPaintedClock(viewer.page, 3_000);
  expect(sights.length).toBeGreaterThan(10);
  expectMoving(sights);
});

test('the node dies: a viewer in Firefox continues at the other one', async () => {
  const { watchUrl } = await stage.goLive(mainServer.url, 'Firefox');
  const firefox = await Firefox.launch(stage.complaints);
  const viewer = await firefox.watch(watchUrl);
  await viewer.expectPicture();
  await killNodeOf(viewer);
  expectMoving(await viewer.sights(3_000));
  await firefox.close();
});

test('the main server dies: no viewer is affected', async () => {
  const broadcaster = await stage.goLive(mainServer.url, 'Main server dies');
  const viewer = await stage.watch(broadcaster.watchUrl);
  await viewer.expectPicture();
  mainServer.kill();
  const sights = await watchPaintedClock(viewer.page, 5_000);
  expect(sights.length).toBeGreaterThan(10);
  expectMoving(sights);
  await viewer.expectPicture();
});
