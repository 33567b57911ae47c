// One stream, watched at nodes that pull it from another: when an edge or the origin dies, viewers continue.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test, type Page } from '@playwright/test';

import { expectMoving, watchPaintedClock } from './support/painted-clock.ts';
import type { Broadcaster, Viewer } from './support/pages.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

const SECRET = { UNDEAD_CLUSTER_SECRET: 'only for this test' };

let stage: Stage;
let mainServer: Undead;
let nodes: Undead[];
let broadcaster: Broadcaster;
let viewer: Viewer;

test.beforeEach(async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'undead-edges-'));
  mainServer = await Undead.start(['main-server', '--listen', '127.0.0.1:0', '--data-dir', dataDir], SECRET, dataDir);
  nodes = [];
  for (const name of ['one', 'two', 'three']) {
    const flags = ['--listen', '127.0.0.1:0', '--main-server', mainServer.url, '--hostname', name];
    nodes.push(await Undead.start(['cdn', ...flags], SECRET));
  }
  for (const node of nodes) {
    await expect.poll(async () => (await fetch(`${node.url}/readyz`)).status).toBe(200);
  }
  stage = await Stage.set();
  broadcaster = await stage.goLive(mainServer.url, 'Through an edge');
  const origin = await originUrl();
  const edges = nodes.filter((node) => !origin.includes(portOf(node)));
  viewer = await stage.watch(broadcaster.watchUrl, (page) => sendTo(page, edges));
  await viewer.expectPicture();
  await viewer.expectTransport('ws');
  expect((await carrying()).url).not.toBe(origin);
});

test.afterEach(async () => {
  await stage.strike();
  const unexpected = stage.complaints.lines.filter((line) => !/ERR_|WebSocket connection/.test(line));
  expect(unexpected).toEqual([]);
  for (const server of [...nodes, mainServer]) await server.stop();
});

function portOf({ url }: Undead): string {
  return new URL(url).port;
}

/** The broadcaster's node, according to the main server. */
async function originUrl(): Promise<string> {
  const id = broadcaster.watchUrl.split('/').at(-1) ?? '';
  let origin = '';
  await expect
    .poll(async () => {
      const answer = await fetch(`${mainServer.url}/api/streams/${id}/watch`, { method: 'POST' });
      const { nodes: named } = (await answer.json()) as { nodes?: { public_url: string }[] };
      return (origin = named?.[0]?.public_url ?? '');
    })
    .not.toBe('');
  return origin;
}

/**
 * Lists `first` before the main server's nodes, unless the page just lost them, as the main server does for many
 * viewers.
 */
async function sendTo(page: Page, first: readonly Undead[]): Promise<void> {
  await page.route(/\/watch$/, async (route) => {
    const { avoid = [] } = (route.request().postDataJSON() ?? {}) as { avoid?: string[] };
    const response = await route.fetch();
    if (!response.ok()) {
      await route.fulfill({ response });
      return;
    }
    const answer = (await response.json()) as { grant: string; nodes: { public_url: string }[] };
    const edges = first.map(({ url }) => ({ public_url: `http://localhost:${new URL(url).port}` }));
    const wanted = edges.filter(({ public_url }) => !avoid.includes(public_url));
    await route.fulfill({ response, json: { ...answer, nodes: [...wanted, ...answer.nodes] } });
  });
}

/** The viewer's current node. */
async function carrying(): Promise<Undead> {
  const address = (await viewer.tells('node')) ?? '';
  const node = nodes.find((one) => address.includes(portOf(one)));
  if (!node) throw new Error(`no node is at ${address}`);
  return node;
}

async function expectMovingPicture(): Promise<void> {
  await viewer.expectPicture();
  const sights = await watchPaintedClock(viewer.page, 4_000);
  expect(sights.length).toBeGreaterThan(10);
  expectMoving(sights);
}

test('an edge dies: its viewer continues at another one, without a reload', async () => {
  const edge = await carrying();
  const sights = watchPaintedClock(viewer.page, 8_000);
  edge.kill();
  expectMoving(await sights);
  await expectMovingPicture();
  expect(await carrying()).not.toBe(edge);
  await viewer.expectTransport('ws');
});

test('the origin dies: the edge finds the stream at its broadcaster’s new node, and its viewer continues', async () => {
  const origin = await originUrl();
  const sights = watchPaintedClock(viewer.page, 8_000);
  nodes.find((node) => origin.includes(portOf(node)))?.kill();
  expectMoving(await sights);
  await expectMovingPicture();
});
