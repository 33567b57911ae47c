// The common setup of browser tests: a page to share, a browser, and a record of errors.
import type { Browser, BrowserContext, Page } from '@playwright/test';

import { BarePage } from './bare-page.ts';
import { launchBrowser } from './browser.ts';
import { ClockServer } from './clock-server.ts';
import { Broadcaster, Complaints, Viewer } from './pages.ts';
import { keepPlayerNotes } from './player-notes.ts';

export class Stage {
  readonly complaints = new Complaints();
  readonly #clock: ClockServer;
  readonly #browser: Browser;
  readonly #context: BrowserContext;
  #source: Page | undefined;

  private constructor(clock: ClockServer, browser: Browser, context: BrowserContext) {
    this.#clock = clock;
    this.#browser = browser;
    this.#context = context;
  }

  /**
   * Opens the painted clock in a tab; `still` paints it once. `flags` are additional ones for the browser. Tests that
   * fake answers block service workers, because these would bypass them.
   */
  static async set(
    still = false,
    flags: readonly string[] = [],
    serviceWorkers: 'allow' | 'block' = 'allow',
  ): Promise<Stage> {
    const clock = await ClockServer.start();
    const browser = await launchBrowser(flags);
    const context = await browser.newContext({ serviceWorkers });
    const stage = new Stage(clock, browser, context);
    await stage.openSource(still);
    return stage;
  }

  /** Opens the tab to share. */
  async openSource(still = false): Promise<void> {
    this.#source = await this.page(still ? `${this.#clock.url}?still` : this.#clock.url);
    await this.#source.setViewportSize({ width: 1280, height: 720 });
    await this.#source.click('canvas');
  }

  /** Closes the tab like a person; the browser then ends the capture. */
  async closeSource(): Promise<void> {
    await this.#source?.close();
  }

  /** `prepare` gets the page before anything is loaded into it. */
  async page(url: string, prepare?: (page: Page) => Promise<void>): Promise<Page> {
    const page = await this.#context.newPage();
    this.complaints.watch(page);
    await page.addInitScript(keepPlayerNotes);
    await prepare?.(page);
    await page.goto(url);
    return page;
  }

  /** `prepare` as for {@link page}. */
  async goLive(baseUrl: string, title: string, prepare?: (page: Page) => Promise<void>): Promise<Broadcaster> {
    return await Broadcaster.goLive(await this.page(`${baseUrl}/live`, prepare), title);
  }

  async watch(url: string, prepare?: (page: Page) => Promise<void>): Promise<Viewer> {
    return await Viewer.open(await this.page(url, prepare));
  }

  /** A viewer's page that can be hidden and frozen. */
  async watchBare(url: string): Promise<BarePage> {
    return await BarePage.open(this.#browser, url);
  }

  /** Closes everything. The recorded errors remain readable. */
  async strike(): Promise<void> {
    await this.#browser.close();
    this.#clock.stop();
  }
}
