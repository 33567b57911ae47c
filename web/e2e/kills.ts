// Kills a viewer's node repeatedly: how long does the picture stand still? This is a measurement, not a test. It prints
// a line per kill. The reader judges the numbers.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from '@playwright/test';

import type { Viewer } from './support/pages.ts';
import { watchPaintedClock } from './support/painted-clock.ts';
import { Stage } from './support/stage.ts';
import { longestStandstillMs } from './support/standstill.ts';
import { Undead } from './support/undead.ts';

const SECRET = { UNDEAD_CLUSTER_SECRET: 'only for this run' };
const NODES = 3;
const KILLS = Number(process.env.KILLS ?? 8);
const WATCHED_MS = 5_000;
const BEFORE_MS = 1_500;
/** Time until the viewer is back at the live edge. */
const REST_MS = 7_000;

async function startNode(mainServer: Undead, hostname: string): Promise<Undead> {
  const flags = ['--listen', '127.0.0.1:0', '--main-server', mainServer.url, '--hostname', hostname];
  const node = await Undead.start(['cdn', ...flags], SECRET);
  await expect.poll(async () => (await fetch(`${node.url}/readyz`)).status).toBe(200);
  return node;
}

async function kill(viewer: Viewer, nodes: readonly Undead[]): Promise<Undead> {
  const address = (await viewer.tells('node')) ?? '';
  const carrying = nodes.find(({ url }) => address.includes(new URL(url).port));
  if (!carrying) throw new Error(`no node is at ${address}`);
  carrying.kill();
  return carrying;
}

test(`${KILLS} kills`, async () => {
  test.setTimeout(60_000 + KILLS * 20_000);
  const dataDir = await mkdtemp(path.join(tmpdir(), 'undead-kills-'));
  const mainServer = await Undead.start(
    ['main-server', '--listen', '127.0.0.1:0', '--data-dir', dataDir],
    SECRET,
    dataDir,
  );
  let nodes = await Promise.all(Array.from({ length: NODES }, (_, index) => startNode(mainServer, `node-${index}`)));
  const stage = await Stage.set();
  const { watchUrl } = await stage.goLive(mainServer.url, 'Kills');
  const viewer = await stage.watch(watchUrl);
  await viewer.expectPicture();
  for (let round = 0; round < KILLS; round++) {
    await viewer.page.waitForTimeout(REST_MS);
    const beganMs = Date.now();
    const sights = watchPaintedClock(viewer.page, WATCHED_MS);
    await viewer.page.waitForTimeout(BEFORE_MS);
    const dead = await kill(viewer, nodes);
    const standstill_ms = longestStandstillMs(await sights, beganMs, beganMs + WATCHED_MS);
    console.log(JSON.stringify({ standstill_ms, latency_after_ms: await viewer.tellsNumber('latency-ms') }));
    nodes = [...nodes.filter((node) => node !== dead), await startNode(mainServer, `node-${NODES + round}`)];
  }
  await stage.strike();
  for (const server of [...nodes, mainServer]) await server.stop();
});
