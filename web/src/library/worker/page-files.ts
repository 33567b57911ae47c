// Stores the library's page and its files, so that it opens offline. The network comes first: a new build is shown as
// soon as it is reachable, and replaces the old one once all its files are stored. No DOM.

/** Prefix of the caches of builds; the rest identifies the build. */
const PREFIX = 'undead-library-page-';
/** A server that is silent for this long counts as unreachable, if the page is stored. */
const SERVER_TIMEOUT_MS = 4_000;

/** Dependencies of page files. */
export interface PageFilesSetup {
  caches: CacheStorage;
  fetch: typeof fetch;
  /** The site's address, without a trailing slash. */
  base: string;
}

/** The stored builds of the page. */
export class PageFiles {
  readonly #setup: PageFilesSetup;

  constructor(setup: PageFilesSetup) {
    this.#setup = setup;
  }

  /** The page, and the work that remains after the answer. */
  async page(request: Request): Promise<{ response: Response; rest: Promise<void> }> {
    const { caches, fetch, base } = this.#setup;
    const network = fetch(request);
    // It may fail before it is awaited.
    network.catch(() => undefined);
    const kept = await caches.match(`${base}/library`);
    try {
      const response = await (kept === undefined ? network : inTime(network));
      const copy = response.ok ? response.clone() : undefined;
      return { response, rest: copy === undefined ? Promise.resolve() : this.#keep(copy) };
    } catch (error) {
      if (kept === undefined) throw error;
      return { response: kept, rest: network.then(() => undefined).catch(() => undefined) };
    }
  }

  /** A file of the pages: files below `assets/` never change; others come from the network if it is reachable. */
  async file(request: Request): Promise<Response> {
    const { caches, fetch } = this.#setup;
    if (request.url.includes('/assets/')) return (await caches.match(request.url)) ?? (await fetch(request));
    try {
      return await fetch(request);
    } catch (error) {
      const kept = await caches.match(request.url);
      if (kept === undefined) throw error;
      return kept;
    }
  }

  /** Stores the page as the server has it now. */
  async refresh(): Promise<void> {
    const { fetch, base } = this.#setup;
    const response = await fetch(`${base}/library`, { headers: { accept: 'text/html' } });
    if (response.ok) await this.#keep(response);
  }

  async #keep(response: Response): Promise<void> {
    const { caches, base } = this.#setup;
    if (!(response.headers.get('content-type') ?? '').startsWith('text/html')) return;
    const page = await response.text();
    const name = PREFIX + (await digest(page));
    if (await caches.has(name)) return;
    const cache = await caches.open(name);
    try {
      await cache.addAll(filesOf(page, base));
      const headers = { 'content-type': 'text/html; charset=utf-8', ...policyOf(response) };
      await cache.put(`${base}/library`, new Response(page, { headers }));
    } catch {
      await caches.delete(name);
      return;
    }
    for (const other of await caches.keys()) if (other.startsWith(PREFIX) && other !== name) await caches.delete(other);
  }
}

/** The addresses of the files that a page refers to; those that it loads later are in `<meta name="file">`. */
export function filesOf(page: string, base: string): string[] {
  const named = [...page.matchAll(/<(?:(?:script|link)[^>]*?\s(?:src|href)|meta name="file" content)="([^"]+)"/g)].map(
    ([, name = '']) => name,
  );
  const urls = named.map((name) => new URL(name, `${base}/library`).href);
  return [...new Set(urls.filter((url) => url.startsWith(`${base}/`)))];
}

/** The page's content security policy, which must also apply offline. */
function policyOf({ headers }: Response): Record<string, string> {
  const policy = headers.get('content-security-policy');
  return policy === null ? {} : { 'content-security-policy': policy };
}

async function digest(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return [...new Uint8Array(bytes).slice(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function inTime<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('the server is silent')), SERVER_TIMEOUT_MS);
    promise.then(resolve, reject);
  });
}
