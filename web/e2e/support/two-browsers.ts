// Chromium and Firefox side by side, each broadcasting a small painted canvas and watching.
import { expect, type Page } from '@playwright/test';

import { Firefox, type FirefoxViewer } from './firefox.ts';
import { Broadcaster, type Viewer } from './pages.ts';
import { sharing, type SharedCanvas } from './shared-canvas.ts';
import { Stage } from './stage.ts';
import { Undead } from './undead.ts';

/** Codec names, and their names in the recorders' types. */
export const CODECS = { 'H.264': 'avc1', VP9: 'vp9', AV1: 'av01', VP8: 'vp8' } as const;

export class TwoBrowsers {
  readonly undead: Undead;
  readonly stage: Stage;
  readonly firefox: Firefox;

  private constructor(undead: Undead, stage: Stage, firefox: Firefox) {
    this.undead = undead;
    this.stage = stage;
    this.firefox = firefox;
  }

  /** `flags` are further ones for Chromium. */
  static async open(flags: readonly string[] = []): Promise<TwoBrowsers> {
    const undead = await Undead.up();
    const stage = await Stage.set(false, flags);
    await stage.closeSource();
    return new TwoBrowsers(undead, stage, await Firefox.launch(stage.complaints));
  }

  /** Goes live in Chromium with sound and this picture codec. */
  async goLive(name: keyof typeof CODECS, canvas: Omit<SharedCanvas, 'sound'> = {}): Promise<Broadcaster> {
    return await this.stage.goLive(this.undead.url, name, async (page: Page) => {
      await Broadcaster.recording(CODECS[name])(page);
      await page.addInitScript(sharing({ ...canvas, sound: 'oscillator' }));
    });
  }

  /** Both join a running stream, Chromium first. */
  async watch(url: string): Promise<{ chromium: Viewer; firefox: FirefoxViewer }> {
    const chromium = await this.stage.watch(url);
    await chromium.expectPicture();
    const firefox = await this.firefox.watch(url);
    await firefox.expectPicture();
    return { chromium, firefox };
  }

  /** Fails if a page or the server reported errors. */
  async close(): Promise<void> {
    await this.firefox.close();
    await this.stage.strike();
    expect(this.stage.complaints.lines).toEqual([]);
    expect(this.undead.errors()).toEqual([]);
    await this.undead.stop();
  }
}

/** Closes their pages. */
export async function closeAll(...opened: { page: { close(): Promise<void> } }[]): Promise<void> {
  for (const { page } of opened) await page.close();
}
