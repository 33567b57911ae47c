// Recognises requests for stored data of the library, and names the stored data. No DOM.

const BLOB = /\/library\/([0-9a-f]{32})\/blobs\/([0-9a-f]{64})$/;
const MANIFEST = /^\/library\/([0-9a-f]{32})\/manifest$/;
const ITEM = /^\/api\/library\/([0-9a-f]{32})$/;
const PICTURE = /^\/library\/[0-9a-f]{32}\/(poster|previews)\b/;
const PAGE = /^\/library(\/[0-9a-f]{32})?\/?$/;
const FILE = /^\/assets\/|^\/[\w.-]+\.(js|svg|css|webmanifest)$/;

/** The subject of a request. */
export type Wanted =
  /** A fragment, from any node. */
  | { what: 'blob'; itemId: string; hash: string }
  /** The stored manifest; those of nodes have other addresses. */
  | { what: 'manifest'; itemId: string }
  | { what: 'item'; itemId: string }
  /** A cover or preview of an item. */
  | { what: 'picture' }
  | { what: 'page' }
  /** A file of the site's pages. */
  | { what: 'file' };

/**
 * The subject of a request for `url`, on a site below `base` (its address without a trailing slash); undefined for
 * everything else.
 */
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

/** The key of a stored blob. Keys must be addresses, but nothing is ever fetched from these. */
export function blobKey(hash: string): string {
  return `https://kept.invalid/blobs/${hash}`;
}

/** The key of an item's stored record or manifest. */
export function recordKey(what: 'item' | 'manifest', itemId: string): string {
  return `https://kept.invalid/${what}/${itemId}`;
}
