// What a browser keeps of a site beyond its pages' lives: service workers, caches of answers, a small database. Each is missing where
// the page is not secure, and throws or fails where the person blocks site data: it is undefined here then.

/** The service workers of this site, as far as the page may have any. */
export function serviceWorkers(): ServiceWorkerContainer | undefined {
  try {
    return navigator.serviceWorker;
  } catch {
    return undefined;
  }
}

/** The caches of this site, for pages and for the service worker. */
export function siteCaches(): CacheStorage | undefined {
  try {
    return globalThis.caches;
  } catch {
    return undefined;
  }
}

/** The databases of this site. */
export function siteDatabases(): IDBFactory | undefined {
  try {
    return globalThis.indexedDB;
  } catch {
    return undefined;
  }
}

/** Bytes that the browser lets this site keep; undefined where it does not say. */
export async function siteQuotaBytes(): Promise<number | undefined> {
  try {
    return (await navigator.storage.estimate()).quota;
  } catch {
    return undefined;
  }
}
