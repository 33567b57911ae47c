// Sound and controls of the library's page, in Chromium through Playwright. The sound is measured on its way to the
// speakers: its level, and how long it was missing.
import { expect, type Locator, type Page } from '@playwright/test';

/** The sound so far. */
export interface Heard {
  /** The loudest sample. */
  peak: number;
  /** The longest silence between sounds, ms of sound. */
  longestGapMs: number;
  /** Duration of audible sound, ms. */
  heardMs: number;
}

const WORKLET = `
registerProcessor('listener', class extends AudioWorkletProcessor {
  constructor() {
    super();
    Object.assign(this, { peak: 0, gap: 0, longest: 0, heard: 0, blocks: 0 });
  }
  process([input]) {
    const samples = input[0];
    if (samples === undefined) return true;
    for (const sample of samples) {
      const loud = Math.abs(sample);
      if (loud > 0.002) {
        if (this.heard > 0) this.longest = Math.max(this.longest, this.gap);
        this.gap = 0;
        this.heard++;
        this.peak = Math.max(this.peak, loud);
      } else this.gap++;
    }
    if (++this.blocks % 40 === 0) {
      const ms = (n) => (n * 1000) / sampleRate;
      this.port.postMessage({ peak: this.peak, longestGapMs: ms(this.longest), heardMs: ms(this.heard) });
    }
    return true;
  }
});`;

/**
 * The page of a library. Its context must bypass the pages' content security policy, which forbids the test's scripts.
 */
export class LibraryPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  get media(): Locator {
    return this.page.locator('ud-deck video');
  }

  async positionS(): Promise<number> {
    return await this.media.evaluate((video: HTMLVideoElement) => video.currentTime);
  }

  async isPaused(): Promise<boolean> {
    return await this.media.evaluate((video: HTMLVideoElement) => video.paused);
  }

  /** Waits until it plays past `s`. */
  async expectPast(s: number, timeout = 20_000): Promise<void> {
    await expect.poll(() => this.positionS(), { timeout }).toBeGreaterThan(s);
  }

  /** Buffered time from the beginning, s. */
  async loadedS(): Promise<number> {
    return await this.media.evaluate(({ buffered }: HTMLVideoElement) => (buffered.length === 0 ? 0 : buffered.end(0)));
  }

  /** Waits until the service worker sees the page's requests. */
  async expectWorker(): Promise<void> {
    const controlled = (): Promise<boolean> => this.page.evaluate(() => navigator.serviceWorker.controller !== null);
    await expect.poll(controlled).toBe(true);
  }

  /** Waits until the page can be opened offline. */
  async expectPageKept(): Promise<void> {
    const names = (): Promise<string> => this.page.evaluate(async () => (await window.caches.keys()).join());
    await expect.poll(names).toContain('undead-library-page-');
  }

  /** Number of fragments stored in this browser. */
  async keptFragments(): Promise<number> {
    return await this.page.evaluate(
      async () => (await (await window.caches.open('undead-library-fragments')).keys()).length,
    );
  }

  /** Waits until the page shows that something is stored. */
  async expectKept(): Promise<void> {
    await expect(this.page.getByText('Kept in this browser:')).toBeVisible();
  }

  /** Measures the media element from now on, for all items. */
  async listen(): Promise<void> {
    await this.media.waitFor({ state: 'attached' });
    await this.page.evaluate(async (worklet) => {
      const video = document
        .querySelector('ud-library-page')
        ?.shadowRoot?.querySelector('ud-deck')
        ?.shadowRoot?.querySelector('video');
      if (!video) throw new Error('no media element');
      const context = new AudioContext();
      await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: 'text/javascript' })));
      const listener = new AudioWorkletNode(context, 'listener');
      listener.port.onmessage = ({ data }) => Object.assign(window, { heard: data as unknown });
      const source = context.createMediaElementSource(video);
      source.connect(listener);
      source.connect(context.destination);
      // Waiting before the first sound does not count.
      video.addEventListener('waiting', () => {
        if ('heard' in window && video.currentTime > 1) Object.assign(window, { waited: true });
      });
    }, WORKLET);
  }

  async heard(): Promise<Heard> {
    return await this.page.evaluate(
      () => (window as unknown as { heard?: Heard }).heard ?? { peak: 0, longestGapMs: 0, heardMs: 0 },
    );
  }

  /** Waits until so much sound was audible. */
  async expectHeard(ms: number, timeout = 20_000): Promise<Heard> {
    await expect.poll(async () => (await this.heard()).heardMs, { timeout }).toBeGreaterThan(ms);
    return await this.heard();
  }
}
