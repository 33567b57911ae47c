// What a broadcaster and a viewer do in the pages, in the words they read there.
import { expect, type ConsoleMessage, type Locator, type Page } from '@playwright/test';

import { watchPaintedClock, type Sight } from './painted-clock.ts';

const VIEWPORT = { width: 1280, height: 800 };

/** Everything pages complained about. */
export class Complaints {
  readonly lines: string[] = [];

  watch(page: Page): void {
    page.on('pageerror', (error) => this.note(page.url(), error.message));
    page.on('console', (message: ConsoleMessage) => {
      // A resource that could not be loaded is not in the text.
      const text = `${message.text()} (${message.location().url})`;
      if (message.type() === 'error' || message.type() === 'warning') this.note(page.url(), text);
    });
  }

  /** What the page at `url` complained about. */
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

  /** Shares the tab with the painted clock, as a person would: choose, name, go live, take the link. */
  static async goLive(page: Page, title: string): Promise<Broadcaster> {
    await page.setViewportSize(VIEWPORT);
    await page.getByRole('button', { name: 'Share a screen' }).click();
    await page.getByLabel('Title').fill(title);
    await page.getByRole('button', { name: 'Go live' }).click();
    const link = page.getByRole('textbox', { name: 'Link for viewers' });
    await expect(link).toHaveValue(/\/view\/[0-9a-f]{32}$/);
    return new Broadcaster(page, await link.inputValue());
  }

  /** For {@link Stage.page}: its recorder knows this codec only, `vp9` and the like. */
  static recording(codec: string): (page: Page) => Promise<void> {
    return async (page) => {
      await page.addInitScript((only) => {
        const all = MediaRecorder.isTypeSupported.bind(MediaRecorder);
        MediaRecorder.isTypeSupported = (type) => type.includes(only) && all(type);
      }, codec);
    };
  }

  /** Shares the same tab anew: a new take. */
  async changeSource(): Promise<void> {
    await this.page.getByRole('button', { name: 'Change source' }).click();
  }

  async end(): Promise<void> {
    await this.page.getByRole('button', { name: 'End stream' }).click();
    await this.page.getByRole('button', { name: 'End for everyone' }).click();
  }
}

/** A viewer's page, whichever browser it is in. */
export abstract class Watching {
  /** What the player tells programs under `name`; see told.ts in web/src/ui/player. */
  abstract tells(name: string): Promise<string | null>;
  /** The pictures presented from now on; see {@link watchPaintedClock}. */
  abstract sights(durationMs: number): Promise<Sight[]>;
  /** Of the playhead. */
  abstract positionS(): Promise<number>;

  async tellsNumber(name: string): Promise<number> {
    return Number((await this.tells(name)) ?? NaN);
  }

  /** `take` is what plays. */
  async expectTake(take: number): Promise<void> {
    await expect.poll(() => this.tells('take')).toBe(String(take));
  }

  async expectState(state: string): Promise<void> {
    await expect.poll(() => this.tells('state')).toBe(state);
  }

  /** Live, and its first picture was there. */
  async expectPicture(): Promise<void> {
    await this.expectState('live');
    await expect.poll(() => this.tells('join-ms')).toMatch(/\d/);
  }

  /** What carries the media. */
  async expectTransport(transport: 'ws' | 'socketio' | 'polling'): Promise<void> {
    await expect.poll(() => this.tells('transport')).toBe(transport);
  }
}

/** In Chromium. */
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
