// Debian's Firefox, controlled over WebDriver BiDi, because Playwright's driver needs a Firefox of its own. Headless
// Firefox has no screen to share, so its broadcaster shares a painted canvas instead.
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

import { expect } from '@playwright/test';

import { Watching, type Complaints } from './pages.ts';
import { keepPlayerNotes } from './player-notes.ts';
import { watchPaintedClock, type Sight } from './painted-clock.ts';
import { sharing, type SharedCanvas } from './shared-canvas.ts';

const EXECUTABLE = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

export class Firefox {
  readonly #browser: Browser;
  readonly #complaints: Complaints;

  private constructor(browser: Browser, complaints: Complaints) {
    this.#browser = browser;
    this.#complaints = complaints;
  }

  /**
   * Launches Firefox with a fresh profile and this environment. The driver disables updates, telemetry and first-run
   * pages.
   */
  static async launch(complaints: Complaints, env?: Record<string, string>): Promise<Firefox> {
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: EXECUTABLE,
      ...(env === undefined ? {} : { env }),
      extraPrefsFirefox: {
        'media.autoplay.default': 0,
        'media.navigator.permission.disabled': true,
        'media.navigator.streams.fake': true,
      },
    });
    return new Firefox(browser, complaints);
  }

  async watch(url: string): Promise<FirefoxViewer> {
    return new FirefoxViewer(await this.open(url));
  }

  /** Goes live like a person: choose, name, go live, take the link. */
  async goLive(baseUrl: string, title: string, canvas: SharedCanvas): Promise<FirefoxBroadcaster> {
    const page = await this.open(`${baseUrl}/live`, sharing(canvas));
    return await FirefoxBroadcaster.goLive(page, title);
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }

  /** Opens a window, because pictures in background tabs stand still. `before` runs before the page does. */
  async open(url: string, before = ''): Promise<Page> {
    const page = await this.#browser.newPage({ type: 'window' });
    await page.setViewport({ width: 1280, height: 800 });
    page.on('pageerror', (error) => this.#complaints.note(page.url(), String(error)));
    page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type())) this.#complaints.note(page.url(), message.text());
    });
    await page.evaluateOnNewDocument(keepPlayerNotes);
    await page.evaluateOnNewDocument(before);
    await page.goto(url);
    return page;
  }
}

export class FirefoxViewer extends Watching {
  readonly page: Page;

  constructor(page: Page) {
    super();
    this.page = page;
  }

  override async tells(name: string): Promise<string | null> {
    const find = ([player]: Element[], key: string): string | null => player?.getAttribute(key) ?? null;
    return await this.page.$$eval('>>> ud-player', find, `data-${name}`);
  }

  override async sights(durationMs: number): Promise<Sight[]> {
    return await watchPaintedClock(this.page, durationMs);
  }

  override async positionS(): Promise<number> {
    return await this.page.$$eval('>>> video', ([video]) => video?.currentTime ?? 0);
  }
}

export class FirefoxBroadcaster {
  readonly page: Page;
  readonly watchUrl: string;

  private constructor(page: Page, watchUrl: string) {
    this.page = page;
    this.watchUrl = watchUrl;
  }

  static async goLive(page: Page, title: string): Promise<FirefoxBroadcaster> {
    await press(page, 'Share a screen');
    await page.locator('>>> #title').fill(title);
    await press(page, 'Go live');
    const link = async (): Promise<string> =>
      await page.$$eval('>>> input[aria-label="Link for viewers"]', ([field]) => field?.value ?? '');
    await expect.poll(link).toMatch(/\/view\/[0-9a-f]{32}$/);
    return new FirefoxBroadcaster(page, await link());
  }

  async changeSource(): Promise<void> {
    await press(this.page, 'Change source');
  }
}

/** Clicks the button with this label once it exists. */
async function press(page: Page, label: string): Promise<void> {
  const find = async () => {
    for (const button of await page.$$('>>> button')) {
      if (await button.evaluate((element, text) => element.textContent.includes(text), label)) return button;
    }
    return undefined;
  };
  await expect.poll(async () => (await find()) !== undefined).toBe(true);
  await (await find())?.click();
}
