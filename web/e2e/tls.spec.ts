// Over TLS with a self-signed certificate: a browser that trusts it goes live from an origin other than localhost.
import { X509Certificate, createHash } from 'node:crypto';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, test } from '@playwright/test';

import { expectMoving } from './support/painted-clock.ts';
import { Stage } from './support/stage.ts';
import { Undead } from './support/undead.ts';

/** A host name that only the browser resolves. */
const NAME = 'studio.example';

let undead: Undead;
let stage: Stage;

test.beforeEach(async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'undead-e2e-'));
  const tls = ['--tls', 'self-signed', '--tls-names', NAME];
  undead = await Undead.start(['up', '--listen', '127.0.0.1:0', '--data-dir', folder, ...tls], {}, folder);
  const certificate = new X509Certificate(await readFile(path.join(folder, 'tls', 'certificate.pem')));
  const key = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const trusted = createHash('sha256').update(key).digest('base64');
  stage = await Stage.set(false, [
    `--ignore-certificate-errors-spki-list=${trusted}`,
    `--host-resolver-rules=MAP ${NAME} 127.0.0.1`,
  ]);
});

test.afterEach(async () => {
  await stage.strike();
  expect(stage.complaints.lines).toEqual([]);
  expect(undead.errors()).toEqual([]);
  expect(await undead.stop()).toBe(0);
});

test('live from another origin than localhost, watched over every transport', async () => {
  expect(undead.url).toMatch(/^https:\/\/studio\.example:\d+$/);
  const broadcaster = await stage.goLive(undead.url, 'Over TLS');
  expect(broadcaster.watchUrl).toContain(`${undead.url}/view/`);
  for (const transport of ['ws', 'socketio', 'polling'] as const) {
    const viewer = await stage.watch(`${broadcaster.watchUrl}?transport=${transport}`);
    await viewer.expectPicture();
    await viewer.expectTransport(transport);
    expectMoving(await viewer.sights(2_000));
    await viewer.page.close();
  }
  // The list uses events, which come over HTTP/2.
  const list = await stage.page(`${undead.url}/view`);
  await expect(list.getByText('Over TLS')).toBeVisible();
  const protocols = await list.evaluate(() =>
    performance.getEntriesByType('navigation').map((entry) => (entry as PerformanceNavigationTiming).nextHopProtocol),
  );
  expect(protocols).toEqual(['h2']);
  await broadcaster.end();
  await expect(list.getByText('Over TLS')).toBeHidden();
});
