// The entry of the service worker, built into one file: /library-worker.js.

import { siteCaches, siteQuotaBytes } from '../../browser/offline-storage';
import { DatabaseIndex } from '../kept/database';
import { FRAGMENTS_CACHE, type Message } from '../kept/messages';
import { KeptStore } from '../kept/store';
import { LibraryWorker } from './library-worker';
import { PageFiles } from './page-files';
import { Records } from './records';
import type { WorkerScope } from './scope';

const scope = globalThis as unknown as WorkerScope;
const base = scope.registration.scope.replace(/\/+$/, '');
const caches = siteCaches();

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));

if (caches !== undefined) {
  const network: typeof fetch = (input, init) => fetch(input, init);
  const store = new KeptStore({
    files: () => caches.open(FRAGMENTS_CACHE),
    index: new DatabaseIndex(),
    quotaBytes: siteQuotaBytes,
    now: () => Date.now(),
  });
  const pages = new PageFiles({ caches, fetch: network, base });
  const records = new Records(caches, network);
  const worker = new LibraryWorker({ store, pages, records, fetch: network, base });
  scope.addEventListener('fetch', (event) => worker.fetched(event));
  scope.addEventListener('message', (event) => {
    const answer = worker
      .message(event.data as Message)
      .then((value) => ({ answer: value }))
      .catch(() => ({}));
    event.waitUntil(answer.then((value) => event.ports[0]?.postMessage(value)));
  });
}
