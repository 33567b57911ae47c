// What a broadcaster and a viewer do in the pages, in their words.
import {
  expect,
  type Browser,
  type BrowserContext,
  type ConsoleMessage,
  type Locator,
  type Page,
} from '@playwright/test';

const VIEWPORT = { width: 1280, height: 800 };

/** Everything a page complained about. */
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

  /** Shares the tab with the painted clock, as a person would: choose, name, go live, copy the link. */
  static async goLive(
    context: BrowserContext,
    baseUrl: string,
    title: string,
    complaints: Complaints,
  ): Promise<Broadcaster> {
    const page = await context.newPage();
    complaints.watch(page);
    await page.setViewportSize(VIEWPORT);
    await page.goto(`${baseUrl}/live`);
    await page.getByRole('button', { name: 'Share a screen' }).click();
    await page.getByLabel('Title').fill(title);
    await page.getByRole('button', { name: 'Go live' }).click();
    const link = page.getByRole('textbox', { name: 'Link for viewers' });
    await expect(link).toHaveValue(/\/view\/[0-9a-f]{32}$/);
    return new Broadcaster(page, await link.inputValue());
  }

  async end(): Promise<void> {
    await this.page.getByRole('button', { name: 'End stream' }).click();
  }
}

export class Viewer {
  readonly page: Page;
  readonly player: Locator;

  private constructor(page: Page) {
    this.page = page;
    this.player = page.locator('ud-player');
  }

  static async open(context: BrowserContext | Browser, url: string, complaints: Complaints): Promise<Viewer> {
    const page = await context.newPage();
    complaints.watch(page);
    await page.setViewportSize(VIEWPORT);
    await page.goto(url);
    return new Viewer(page);
  }

  async expectState(state: string): Promise<void> {
    await expect(this.player).toHaveAttribute('data-state', state);
  }

  /** A number the player tells programs; undefined while it has none. */
  async reading(name: string): Promise<number | undefined> {
    const text = await this.player.getAttribute(`data-${name}`);
    return text === null ? undefined : Number(text);
  }
}
