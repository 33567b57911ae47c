// A song continues when its node dies, and on a node that came back: the main server and three nodes are separate
// processes.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { expect, test, type Browser, type Page } from '@playwright/test';

import { launchBrowser } from './support/browser.ts';
import { LibraryPage } from './support/library-page.ts';
import { Operator } from './support/operator.ts';
import { Undead } from './support/undead.ts';

const SECRET = { UNDEAD_CLUSTER_SECRET: 'only for this test' };
const LENGTH_S = 60;
/** Twice the song's bit rate. */
const BYTES_PER_S = 64_000;

let folder: string;
let mainServer: Undead;
let nodes: Undead[];
let operator: Operator;
let browser: Browser;

test.beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'undead-songs-'));
  mainServer = await Undead.start(['main-server', '--listen', '127.0.0.1:0', '--data-dir', folder], SECRET, folder);
  nodes = await Promise.all(['one', 'two', 'three'].map((name) => startNode(name)));
  for (const node of nodes) await expect.poll(async () => (await fetch(`${node.url}/readyz`)).status).toBe(200);
  operator = await Operator.of(mainServer);
  browser = await launchBrowser();
});

test.afterAll(async () => {
  await browser.close();
  for (const server of [...nodes, mainServer]) await server.stop();
});

async function startNode(name: string, listen = '127.0.0.1:0'): Promise<Undead> {
  const flags = ['--listen', listen, '--main-server', mainServer.url, '--hostname', name];
  // The node keeps its cache in this folder.
  return await Undead.start(['cdn', ...flags], SECRET, await mkdtemp(path.join(tmpdir(), 'undead-node-')));
}

async function makeSong(): Promise<Buffer> {
  const work = await mkdtemp(path.join(tmpdir(), 'undead-song-'));
  try {
    const file = path.join(work, 'tone.mp3');
    const tone = ['-f', 'lavfi', '-i', `sine=frequency=440:duration=${LENGTH_S}`, '-b:a', '256k'];
    await promisify(execFile)('ffmpeg', ['-loglevel', 'error', ...tone, '-metadata', 'title=A tone', file]);
    return await readFile(file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const hostOf = (url: string): string => new URL(url).host;

/** The page's media requests to nodes. */
function watchRequests(page: Page): URL[] {
  const asked: URL[] = [];
  page.on('request', (request) => {
    if (request.url().includes('/blobs/')) asked.push(new URL(request.url()));
  });
  return asked;
}

test('the node of a song dies and comes back, the others die, and the song continues without a gap', async () => {
  await operator.upload('tone.mp3', await makeSong());
  const context = await browser.newContext({ bypassCSP: true, serviceWorkers: 'block' });
  const page = await context.newPage();
  const shown = new LibraryPage(page);
  const asked = watchRequests(page);
  await page.goto(`${mainServer.url}/library`);
  const network = await context.newCDPSession(page);
  await network.send('Network.enable');
  const slow = { offline: false, latency: 0, uploadThroughput: -1 };
  await network.send('Network.emulateNetworkConditions', { ...slow, downloadThroughput: BYTES_PER_S });
  await shown.listen();
  await page.getByRole('button', { name: 'Play A tone', exact: true }).click();
  await shown.expectPast(2);
  const carrying = asked.at(-1)?.host ?? '';
  const [own = [], others = []] = [true, false].map((is) =>
    nodes.filter(({ url }) => (hostOf(url) === carrying) === is),
  );
  own[0]?.kill();
  const askedBefore = asked.length;
  await expect.poll(() => asked.slice(askedBefore).some(({ host }) => host !== carrying)).toBe(true);
  const back = await startNode('back', carrying);
  nodes.push(back);
  await expect.poll(async () => (await fetch(`${back.url}/readyz`)).status).toBe(200);
  const askedThen = asked.length;
  for (const node of others) node.kill();
  await shown.expectPast(25, 60_000);
  expect(asked.slice(askedThen).some(({ host }) => host === carrying)).toBe(true);
  const heard = await shown.heard();
  expect(heard.longestGapMs).toBeLessThan(5);
  expect(heard.heardMs).toBeGreaterThan(20_000);
});
