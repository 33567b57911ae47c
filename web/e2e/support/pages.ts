// What a broadcaster and a viewer do in the pages, in the words they read there.
import { expect, type ConsoleMessage, type Locator, type Page } from '@playwright/test';

const VIEWPORT = { width: 1280, height: 800 };

/** Everything pages complained about. */
export class Complaints {
  readonly lines: string[] = [];

  watch(page: Page): void {
    page.on('pageerror', (error) => this.lines.push(`${page.url()}: ${error.message}`));
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        this.lines.push(`${page.url()}: ${message.text()}`);
      }
    });
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

  /** Shares the same tab anew: a new take. */
  async changeSource(): Promise<void> {
    await this.page.getByRole('button', { name: 'Change source' }).click();
  }

  async end(): Promise<void> {
    await this.page.getByRole('button', { name: 'End stream' }).click();
    await this.page.getByRole('button', { name: 'End for everyone' }).click();
  }
}

export class Viewer {
  readonly page: Page;
  readonly player: Locator;

  private constructor(page: Page) {
    this.page = page;
    this.player = page.locator('ud-player');
  }

  static async open(page: Page): Promise<Viewer> {
    await page.setViewportSize(VIEWPORT);
    return new Viewer(page);
  }

  async expectState(state: string): Promise<void> {
    await expect(this.player).toHaveAttribute('data-state', state);
  }

  /** Live, and its first picture was there. */
  async expectPicture(): Promise<void> {
    await this.expectState('live');
    await expect(this.player).toHaveAttribute('data-join-ms', /\d/);
  }

  /** What carries the media. */
  async expectTransport(transport: 'ws' | 'socketio' | 'polling'): Promise<void> {
    await expect(this.player).toHaveAttribute('data-transport', transport);
  }

  /** What the player tells programs under `name`; see player-element.ts. */
  async tells(name: string): Promise<string | null> {
    return await this.player.getAttribute(`data-${name}`);
  }

  async tellsNumber(name: string): Promise<number> {
    return Number((await this.tells(name)) ?? NaN);
  }
}
