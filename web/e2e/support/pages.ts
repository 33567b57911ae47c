// Actions of a broadcaster and a viewer in the pages, by the visible texts.
import { expect, type ConsoleMessage, type Locator, type Page } from '@playwright/test';

import { watchPaintedClock, type Sight } from './painted-clock.ts';

const VIEWPORT = { width: 1280, height: 800 };

/** Errors and warnings of pages. */
export class Complaints {
  readonly lines: string[] = [];

  watch(page: Page): void {
    page.on('pageerror', (error) => this.note(page.url(), error.message));
    page.on('console', (message: ConsoleMessage) => {
      // The text does not name a resource that failed to load.
      const text = `${message.text()} (${message.location().url})`;
      if (message.type() === 'error' || message.type() === 'warning') this.note(page.url(), text);
    });
  }

  /** Records an error of the page at `url`. */
  note(url: string, text: string): void {
    this.lines.push(`${url}: ${text}`);
  }
}

export class Broadcaster {
  readonly page: Page;
  readonly watchUrl: string;

  private constructor(page: Page, watchUrl: string) {
    this.page = page;
    this.watchUrl = watchUrl;
  }

  /** Shares the tab with the painted clock like a person: choose, name, go live, take the link. */
  static async goLive(page: Page, title: string): Promise<Broadcaster> {
    await page.setViewportSize(VIEWPORT);
    await page.getByRole('button', { name: 'Share a screen' }).click();
    await page.getByLabel('Title').fill(title);
    await page.getByRole('button', { name: 'Go live' }).click();
    const link = page.getByRole('textbox', { name: 'Link for viewers' });
    await expect(link).toHaveValue(/\/view\/[0-9a-f]{32}$/);
    return new Broadcaster(page, await link.inputValue());
  }

  /** For {@link Stage.page}: limits its recorder to this codec, such as `vp9`. */
  static recording(codec: string): (page: Page) => Promise<void> {
    return async (page) => {
      await page.addInitScript((only) => {
        const all = MediaRecorder.isTypeSupported.bind(MediaRecorder);
        MediaRecorder.isTypeSupported = (type) => type.includes(only) && all(type);
      }, codec);
    };
  }

  /** Shares the same tab again, in a new take. */
  async changeSource(): Promise<void> {
    await this.page.getByRole('button', { name: 'Change source' }).click();
  }

  async end(): Promise<void> {
    await this.page.getByRole('button', { name: 'End stream' }).click();
    await this.page.getByRole('button', { name: 'End for everyone' }).click();
  }
}

/** A viewer's page, in any browser. */
export abstract class Watching {
  /** The player's attribute `data-NAME`; see told.ts in web/src/ui/player. */
  abstract tells(name: string): Promise<string | null>;
  /** The pictures presented from now on; see {@link watchPaintedClock}. */
  abstract sights(durationMs: number): Promise<Sight[]>;
  /** Position of the playhead, s. */
  abstract positionS(): Promise<number>;

  async tellsNumber(name: string): Promise<number> {
    return Number((await this.tells(name)) ?? NaN);
  }

  /** Waits until `take` is playing. */
  async expectTake(take: number): Promise<void> {
    await expect.poll(() => this.tells('take')).toBe(String(take));
  }

  async expectState(state: string): Promise<void> {
    await expect.poll(() => this.tells('state')).toBe(state);
  }

  /** Waits until the stream is live and its first picture was shown. */
  async expectPicture(): Promise<void> {
    await this.expectState('live');
    await expect.poll(() => this.tells('join-ms')).toMatch(/\d/);
  }

  /** Waits for the transport of the media. */
  async expectTransport(transport: 'ws' | 'socketio' | 'polling'): Promise<void> {
    await expect.poll(() => this.tells('transport')).toBe(transport);
  }
}

/** A viewer in Chromium. */
export class Viewer extends Watching {
  readonly page: Page;
  readonly player: Locator;

  private constructor(page: Page) {
    super();
    this.page = page;
    this.player = page.locator('ud-player');
  }

  static async open(page: Page): Promise<Viewer> {
    await page.setViewportSize(VIEWPORT);
    return new Viewer(page);
  }

  override async tells(name: string): Promise<string | null> {
    return await this.player.getAttribute(`data-${name}`);
  }

  override async sights(durationMs: number): Promise<Sight[]> {
    return await watchPaintedClock(this.page, durationMs);
  }

  override async positionS(): Promise<number> {
    return await this.page.locator('video').evaluate((video: HTMLVideoElement) => video.currentTime);
  }
}
