// Builds one bundle per page into dist/; in development it serves the pages under their real addresses and hands
// everything else to an Undead on port 5000.

import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { build, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { strings } from './src/strings';

const SERVER = process.env.UNDEAD_URL ?? 'http://localhost:5000';

/** Which file answers for an address, as the main server does it. */
const PAGES: readonly [RegExp, string][] = [
  [/^\/live\/?$/, '/live.html'],
  [/^\/view\/?$/, '/view.html'],
  [/^\/admin\/?$/, '/admin.html'],
  [/^\/styleguide\/?$/, '/styleguide.html'],
  [/^\/library(\/[^/]+)?\/?$/, '/library.html'],
  [/^\/parties\/?$/, '/parties.html'],
  [/^\/party\/[^/]+\/?$/, '/party.html'],
  [/^\/karaoke\/[^/]+\/?$/, '/karaoke.html'],
  [/^\/jobs\/?$/, '/jobs.html'],
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
  const texts: Record<string, { title: string; description: string }> = strings.pages;
  return {
    name: 'frame',
    transformIndexHtml: {
      order: 'pre',
      handler: (page, { filename }) => {
        const { title, description } = texts[basename(filename, '.html')] ?? { title: 'Undead', description: '' };
        const own = `<title>${title}</title>\n<meta name="description" content="${description}" />`;
        return page
          .replace('<head>', `<head>\n${head}${own}`)
          .replace('</body>', `<noscript><p class="noscript">${strings.noScript}</p></noscript>\n</body>`);
      },
    },
  };
}

/**
 * Puts an entry that does not wait for the document before the theme's script: browsers do not look at it before that
 * script has run.
 */
function entryFirst(page: string): string {
  const [entry] = /<script async.*<\/script>/.exec(page) ?? [];
  if (entry === undefined) return page;
  const first = entry.replace('<script async', '<script async fetchpriority="high"');
  return page.replace(entry, '').replace('<script', `${first}\n<script`);
}

/**
 * The files that an entry imports once the first picture is shown. Browsers do not load them before: transferring and parsing
 * them delays the picture. The page names them for the service worker, which stores all of its files.
 */
function laterFiles(): Plugin {
  return {
    name: 'later-files',
    transformIndexHtml: {
      order: 'post',
      handler: (page, { bundle = {}, chunk }) => {
        const reached = (names: readonly string[], seen = new Set<string>()): Set<string> => {
          for (const name of names) {
            const file = bundle[name];
            if (file?.type !== 'chunk' || seen.has(name)) continue;
            seen.add(name);
            reached(file.imports, seen);
          }
          return seen;
        };
        const known = reached(chunk === undefined ? [] : [chunk.fileName]);
        const tags = [...reached(chunk?.dynamicImports ?? [])]
          .filter((name) => !known.has(name))
          .map((name) => ({
            tag: 'meta',
            attrs: { name: 'file', content: `./${name}` },
            injectTo: 'head' as const,
          }));
        return { html: entryFirst(page), tags };
      },
    },
  };
}

/** The service worker: one file without imports, which is all that every browser takes, under a name that never changes. */
function libraryWorker(): Plugin {
  return {
    name: 'library-worker',
    apply: 'build',
    closeBundle: async () => {
      await build({
        configFile: false,
        publicDir: false,
        logLevel: 'warn',
        build: {
          target: 'es2022',
          emptyOutDir: false,
          rolldownOptions: {
            input: resolve(import.meta.dirname, 'src/library/worker/main.ts'),
            output: { format: 'iife', entryFileNames: 'library-worker.js' },
          },
        },
      });
    },
  };
}

/** What pages share, in few files: each costs a request. What is called before a page is there comes apart from what shows it. */
const SHARED = [
  {
    name: 'calls',
    test: /src\/((api|browser|protocol|library\/kept)\/|watch\/playback\/mse\/media-source|pages\/media-first)|preload-helper/,
    minShareCount: 2,
    priority: 2,
  },
  // What fetches, decodes and plays items.
  { name: 'items', test: /src\/library\/(?!upload|listing)/, minShareCount: 2, priority: 2 },
  // What joins and plays streams.
  {
    name: 'streams',
    test: /src\/(watch\/(?!keys)|transport\/)|src\/ui\/player\/(playbacks|canvas-screen|still)/,
    minShareCount: 2,
    priority: 2,
  },
  {
    name: 'elements',
    test: /node_modules\/@?lit|src\/(ui\/(?!party)|strings\/).*\.ts$|src\/watch\/keys/,
    minShareCount: 2,
    priority: 1,
  },
];

export default defineConfig({
  appType: 'mpa',
  // Pages name their files relative to the site; the server puts the path in front below which a browser reaches it.
  base: './',
  plugins: [pageAddresses(), frame(), laterFiles(), libraryWorker()],
  build: {
    target: 'es2022',
    // The first with `light-dark()`: rewritten for older ones, tokens would not follow the `color-scheme` of an element.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // Nothing inlined: the pages' content security policy allows their own origin only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: Object.fromEntries(
        Object.keys(strings.pages).map((name) => [name, resolve(import.meta.dirname, `${name}.html`)]),
      ),
      output: { codeSplitting: { groups: SHARED } },
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
