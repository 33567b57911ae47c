// Simulates a page that was blocked: its recorder's blobs arrive as a single one.
import { expect, type Page } from '@playwright/test';

interface Held {
  /** The size of the combined blob. */
  heldBytes?: number;
}

/**
 * For `addInitScript`: after its first second a recorder's blobs are held back until they have `untilBytes`, then
 * delivered as one after `padBytes` zeros, which no parser accepts. Once per page.
 */
export function holdBlobs({ untilBytes, padBytes }: { untilBytes: number; padBytes: number }): void {
  const kept: Blob[] = [];
  let first: number | undefined;
  let recorders = 0;
  let over = false;
  const Recorder = window.MediaRecorder;
  window.MediaRecorder = class extends Recorder {
    override addEventListener(type: string, listener: (event: Event) => void, options?: AddEventListenerOptions): void {
      if (type !== 'dataavailable') {
        super.addEventListener(type, listener, options);
        return;
      }
      const number = recorders++;
      super.addEventListener(type, (event) => {
        first ??= performance.now();
        if (over || performance.now() - first < 1_000 || number > 0) {
          listener.call(this, event);
          return;
        }
        kept.push(event.data);
        if (kept.reduce((sum, blob) => sum + blob.size, 0) < untilBytes) return;
        over = true;
        const data = new Blob([new Uint8Array(padBytes), ...kept]);
        (window as Held).heldBytes = data.size;
        listener.call(this, new BlobEvent('dataavailable', { data }));
      });
    }
  };
}

/** Waits for the combined blob and returns its size. */
export async function heldBlob(page: Page): Promise<number> {
  const size = async (): Promise<number> => await page.evaluate(() => (window as Held).heldBytes ?? 0);
  await expect.poll(size, { timeout: 60_000 }).toBeGreaterThan(0);
  return await size();
}
