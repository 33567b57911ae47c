// Builds one bundle per page into dist/; in development it serves the pages under their real addresses and hands
// everything else to an Undead on port 5000.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const SERVER = process.env.UNDEAD_URL ?? 'http://localhost:5000';

/** Which file answers for an address, as the main server does it. */
const PAGES: readonly [RegExp, string][] = [
  [/^\/live\/?$/, '/live.html'],
  [/^\/view\/?$/, '/view.html'],
  [/^\/admin\/?$/, '/admin.html'],
  [/^\/(view|embed)\/[^/]+\/?$/, '/watch.html'],
];

function pageAddresses(): Plugin {
  return {
    name: 'page-addresses',
    configureServer(server) {
      server.middlewares.use((request, _response, next) => {
        const [path = '/', query] = (request.url ?? '/').split('?');
        const page = PAGES.find(([pattern]) => pattern.test(path))?.[1];
        if (page !== undefined) request.url = query === undefined ? page : `${page}?${query}`;
        next();
      });
    },
  };
}

/** What every page has: its head, and a word to those without JavaScript. */
function frame(): Plugin {
  const head = readFileSync(resolve(import.meta.dirname, 'src/pages/head.html'), 'utf8');
  const sorry = 'Undead needs JavaScript to capture and play video. Please switch it on and reload.';
  return {
    name: 'frame',
    transformIndexHtml: {
      order: 'pre',
      handler: (page) =>
        page
          .replace('<head>', `<head>\n${head}`)
          .replace('</body>', `<noscript><p class="noscript">${sorry}</p></noscript>\n</body>`),
    },
  };
}

export default defineConfig({
  appType: 'mpa',
  plugins: [pageAddresses(), frame()],
  build: {
    target: 'es2022',
    // Nothing inlined: the pages' content security policy allows their own origin only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries(
        ['index', 'live', 'view', 'watch', 'admin'].map((name) => [name, resolve(import.meta.dirname, `${name}.html`)]),
      ),
    },
  },
  server: {
    proxy: {
      '/api': SERVER,
      '/cdn': { target: SERVER, ws: true },
    },
  },
  test: { include: ['src/**/*.test.ts', 'e2e/support/*.test.ts'] },
});
