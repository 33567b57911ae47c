// Members of a party in real browsers, Chromium and Firefox, that play to one loudspeaker.
import type { Browser } from '@playwright/test';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';

import type { PlaybackPhase } from '../../src/party/session';
import { launchBrowser } from './browser.ts';
import { FakePartyServer, PITCHES, TONE_EVERY_MS } from './fake-party-server.ts';
import { beginnings, Loudspeaker } from './loudspeaker.ts';
import { quantile, spreads } from './spread.ts';

/** The state of a member's page. */
export interface Told {
  phase: PlaybackPhase;
  entryId: string | undefined;
  errorMs: number | undefined;
  problem: string | undefined;
  isConnected: boolean;
  /** The party's position, ms. */
  positionMs: number | undefined;
}

/** How far apart members were audibly. */
export interface Heard {
  /** Moments at which every member was heard. */
  moments: number;
  /** Number of tones per member. */
  tones: number[];
  spread: { median: number; p95: number; most: number };
  /** Each member's deviation from the median of all. */
  offMs: Record<string, number>;
}

/** The server, browsers and pages of all members. */
export class PartyMembers {
  readonly server: FakePartyServer;
  readonly names: readonly string[];
  readonly #speaker: Loudspeaker;
  readonly #chromium: Browser | undefined;
  readonly #firefox: FirefoxBrowser | undefined;
  readonly #looks = new Map<string, () => Promise<Told>>();

  private constructor(
    names: readonly string[],
    parts: { server: FakePartyServer; speaker: Loudspeaker; chromium?: Browser; firefox?: FirefoxBrowser },
  ) {
    this.names = names;
    this.server = parts.server;
    this.#speaker = parts.speaker;
    this.#chromium = parts.chromium;
    this.#firefox = parts.firefox;
  }

  static async open(count: { chromium: number; firefox: number }): Promise<PartyMembers> {
    const names = Object.entries(count).flatMap(([kind, many]) =>
      Array.from({ length: many }, (_, n) => `${kind}${n}`),
    );
    const speaker = await Loudspeaker.open();
    const server = await FakePartyServer.open(names);
    const chromium =
      count.chromium > 0
        ? { chromium: await launchBrowser(['--autoplay-policy=no-user-gesture-required'], speaker.env) }
        : {};
    const firefox = count.firefox > 0 ? { firefox: await launchFirefox(speaker) } : {};
    return new PartyMembers(names, { server, speaker, ...chromium, ...firefox });
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#chromium?.close(), this.#firefox?.close()]);
    await this.server.close();
    await this.#speaker.close();
  }

  /** Opens the pages of all members. */
  async join(): Promise<void> {
    for (const name of this.names) {
      const address = this.server.address(name);
      if (name.startsWith('chromium')) {
        const page = await (await this.#chromium?.newContext())?.newPage();
        await page?.goto(address);
        if (page) this.#looks.set(name, () => page.evaluate(look));
      } else {
        const page = await this.#firefox?.newPage({ type: 'window' });
        await page?.goto(address);
        if (page) this.#looks.set(name, () => page.evaluate(look));
      }
    }
  }

  async told(): Promise<Told[]> {
    return await Promise.all([...this.#looks.values()].map((told) => told()));
  }

  /** Records all members for a while. */
  async hear(ms: number): Promise<Heard> {
    this.#speaker.record();
    await new Promise((resolve) => setTimeout(resolve, ms));
    const heard = this.#speaker.stop();
    const all = this.names.map((_, n) => beginnings(heard, PITCHES[n] ?? 0));
    const found = spreads(all, TONE_EVERY_MS);
    const spread = found.map(({ spreadMs }) => spreadMs);
    const offOf = (n: number): number[] => found.map(({ offMs }) => offMs[n] ?? NaN);
    return {
      moments: found.length,
      tones: all.map(({ length }) => length),
      spread: { median: quantile(spread, 0.5), p95: quantile(spread, 0.95), most: quantile(spread, 1) },
      offMs: Object.fromEntries(this.names.map((name, n) => [name, quantile(offOf(n), 0.5)])),
    };
  }
}

async function launchFirefox(speaker: Loudspeaker): Promise<FirefoxBrowser> {
  return await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    env: speaker.env,
    extraPrefsFirefox: { 'media.autoplay.default': 0, 'media.cubeb.backend': 'pulse', 'media.cubeb.sandbox': false },
  });
}

/** Reads the state; runs in the page. */
function look(): Told {
  const { playback, isConnected } = window.party.view;
  return {
    phase: playback.phase,
    entryId: playback.entryId,
    errorMs: playback.errorMs,
    problem: playback.problem?.message,
    isConnected,
    positionMs: window.party.positionMs(),
  };
}
