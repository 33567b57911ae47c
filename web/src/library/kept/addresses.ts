// Which requests are for what a browser keeps of the library, and under which names it is kept. No DOM.

const BLOB = /\/library\/([0-9a-f]{32})\/blobs\/([0-9a-f]{64})$/;
const MANIFEST = /^\/library\/([0-9a-f]{32})\/manifest$/;
const ITEM = /^\/api\/library\/([0-9a-f]{32})$/;
const PICTURE = /^\/library\/[0-9a-f]{32}\/(poster|previews)\b/;
const PAGE = /^\/library(\/[0-9a-f]{32})?\/?$/;
const FILE = /^\/assets\/|^\/[\w.-]+\.(js|svg|css|webmanifest)$/;

/** What a request is for. */
export type Wanted =
  /** A fragment, of any node. */
  | { what: 'blob'; itemId: string; hash: string }
  /** The manifest that is kept: nodes have addresses of their own. */
  | { what: 'manifest'; itemId: string }
  | { what: 'item'; itemId: string }
  /** A cover or preview of an item. */
  | { what: 'picture' }
  | { what: 'page' }
  /** A file of the site's pages. */
  | { what: 'file' };

/** What a request for `url` is for, on a site below `base` (its address, without a slash at its end); undefined for all else. */
export function wantedBy(url: string, base: string): Wanted | undefined {
  const { origin, pathname } = new URL(url);
  const [, itemId, hash] = BLOB.exec(pathname) ?? [];
  if (itemId !== undefined && hash !== undefined) return { what: 'blob', itemId, hash };
  const address = origin + pathname;
  if (!address.startsWith(`${base}/`)) return undefined;
  return wantedOfSite(address.slice(base.length));
}

function wantedOfSite(path: string): Wanted | undefined {
  const manifest = MANIFEST.exec(path)?.[1];
  if (manifest !== undefined) return { what: 'manifest', itemId: manifest };
  const item = ITEM.exec(path)?.[1];
  if (item !== undefined) return { what: 'item', itemId: item };
  if (PICTURE.test(path)) return { what: 'picture' };
  if (PAGE.test(path)) return { what: 'page' };
  return FILE.test(path) ? { what: 'file' } : undefined;
}

/** The name under which a blob is kept. Names have to be addresses; nothing is ever fetched from these. */
export function blobKey(hash: string): string {
  return `https://kept.invalid/blobs/${hash}`;
}

/** The name under which an item's record or manifest is kept. */
export function recordKey(what: 'item' | 'manifest', itemId: string): string {
  return `https://kept.invalid/${what}/${itemId}`;
}
