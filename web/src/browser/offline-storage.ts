// Browser storage that outlives pages: service workers, caches, databases. Each is missing on insecure pages, and
// throws or fails if the person blocks site data. The functions then return undefined.

export function serviceWorkers(): ServiceWorkerContainer | undefined {
  try {
    return navigator.serviceWorker;
  } catch {
    return undefined;
  }
}

/** The caches of this site, shared by pages and the service worker. */
export function siteCaches(): CacheStorage | undefined {
  try {
    return globalThis.caches;
  } catch {
    return undefined;
  }
}

export function siteDatabases(): IDBFactory | undefined {
  try {
    return globalThis.indexedDB;
  } catch {
    return undefined;
  }
}

/** The storage quota of this site in bytes; undefined if the browser does not report it. */
export async function siteQuotaBytes(): Promise<number | undefined> {
  try {
    return (await navigator.storage.estimate()).quota;
  } catch {
    return undefined;
  }
}
