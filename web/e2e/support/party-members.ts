// Members of a party in real browsers, Chromium and Firefox, that play to one loudspeaker.
import type { Browser } from '@playwright/test';
import puppeteer, { type Browser as FirefoxBrowser } from 'puppeteer-core';

import type { PlaybackPhase } from '../../src/party/session';
import { BarePage } from './bare-page.ts';
import { launchBrowser } from './browser.ts';
import { FakePartyServer, PITCHES, TONE_EVERY_MS } from './fake-party-server.ts';
import { beginnings, Loudspeaker } from './loudspeaker.ts';
import { SlowProxy } from './slow-proxy.ts';
import { quantile, spreads, type Spread } from './spread.ts';

const CHROMIUM_FLAGS = ['--autoplay-policy=no-user-gesture-required'];
/** So many of the moments with the largest spread are told. */
const TOLD_WORST = 3;

/** The state of a member's page. */
export interface Told {
  phase: PlaybackPhase;
  entryId: string | undefined;
  errorMs: number | undefined;
  problem: string | undefined;
  isConnected: boolean;
  /** The party's position, ms. */
  positionMs: number | undefined;
  /** How far off the server's clock is as the member knows it: server and members run on one machine. */
  clockOffMs: number | undefined;
}

declare global {
  interface Window {
    /** How far the page's clock was set ahead. */
    aheadMs?: number;
  }
}

/** How many members there are in which browser. */
export interface Count {
  chromium: number;
  firefox: number;
  /** In Chromium, in pages that can be hidden and frozen. */
  bare?: number;
  /** The last ones in Chromium and in Firefox are far away: their clock is wrong, and their network slow and uneven. */
  far?: number;
}

/** The clocks of members that are far away, ahead of the others. */
export const FAR_CLOCK_MS = 3 * 3_600_000;
/** Their network, one way: trips there and back take 200 ms, 80 ms more or less. */
const FAR_DELAY = { leastMs: 60, mostMs: 140 };

/** How far apart members were heard. */
export interface Heard {
  /** Moments at which every member was heard. */
  moments: number;
  /** Number of tones per member. */
  tones: number[];
  spread: { median: number; p95: number; most: number };
  /** The moments with the largest spread. */
  worst: Spread[];
  /** Each member against the median of all: the median, and the distance that 95 in 100 moments keep. */
  offMs: Record<string, { median: number; p95: number }>;
}

/** A member's page, whichever browser it is in. */
interface MemberPage {
  told: () => Promise<Told>;
}

/** The server, browsers and pages of all members. */
export class PartyMembers {
  readonly server: FakePartyServer;
  readonly names: readonly string[];
  readonly #far: ReadonlySet<string>;
  readonly #speaker: Loudspeaker;
  readonly #proxy: SlowProxy;
  readonly #chromium: Browser | undefined;
  readonly #firefox: FirefoxBrowser | undefined;
  readonly #pages = new Map<string, MemberPage>();
  readonly #bare: BarePage[] = [];

  private constructor(
    { names, far }: { names: readonly string[]; far: readonly string[] },
    parts: {
      server: FakePartyServer;
      speaker: Loudspeaker;
      proxy: SlowProxy;
      chromium?: Browser;
      firefox?: FirefoxBrowser;
    },
  ) {
    this.names = names;
    this.#far = new Set(far);
    this.server = parts.server;
    this.#speaker = parts.speaker;
    this.#proxy = parts.proxy;
    this.#chromium = parts.chromium;
    this.#firefox = parts.firefox;
  }

  static async open({ chromium, firefox, bare = 0, far = 0 }: Count): Promise<PartyMembers> {
    const named = (kind: string, many: number): string[] => Array.from({ length: many }, (_, n) => `${kind}${n}`);
    const kinds = [named('chromium', chromium), named('firefox', firefox), named('bare', bare)];
    const names = { names: kinds.flat(), far: kinds.slice(0, 2).flatMap((kind) => (far > 0 ? kind.slice(-far) : [])) };
    const speaker = await Loudspeaker.open();
    const server = await FakePartyServer.open(names.names);
    const proxy = await SlowProxy.open(server.port, FAR_DELAY);
    return new PartyMembers(names, {
      server,
      speaker,
      proxy,
      ...(chromium + bare > 0 ? { chromium: await launchBrowser(CHROMIUM_FLAGS, speaker.env) } : {}),
      ...(firefox > 0 ? { firefox: await launchFirefox(speaker) } : {}),
    });
  }

  async close(): Promise<void> {
    await Promise.allSettled([this.#chromium?.close(), this.#firefox?.close()]);
    this.#proxy.close();
    await this.server.close();
    await this.#speaker.close();
  }

  /** Opens the pages of all members. */
  async join(): Promise<void> {
    for (const name of this.names) this.#pages.set(name, await this.#open(name));
  }

  async told(): Promise<Told[]> {
    return await Promise.all([...this.#pages.values()].map(({ told }) => told()));
  }

  /** The page of a `bare` member. */
  bare(n = 0): BarePage {
    const page = this.#bare[n];
    if (page === undefined) throw new Error(`there is no member bare${n}`);
    return page;
  }

  /** The process of Firefox. */
  get firefoxPid(): number {
    const pid = this.#firefox?.process()?.pid;
    if (pid === undefined) throw new Error('there is no Firefox');
    return pid;
  }

  /** Records all members. {@link analyse} takes enough CPU to interrupt sound, so call it when nothing is measured. */
  async record(ms: number): Promise<Buffer> {
    return await this.#speaker.hear(ms);
  }

  /** How far apart members are in a recording. */
  analyse(recording: Buffer): Heard {
    const all = this.names.map((_, n) => beginnings(recording, PITCHES[n] ?? 0));
    const found = spreads(all, TONE_EVERY_MS);
    const spread = found.map(({ spreadMs }) => spreadMs);
    const offOf = (n: number): { median: number; p95: number } => {
      const off = found.map(({ offMs }) => offMs[n] ?? NaN);
      return { median: quantile(off, 0.5), p95: quantile(off.map(Math.abs), 0.95) };
    };
    return {
      moments: found.length,
      tones: all.map(({ length }) => length),
      spread: { median: quantile(spread, 0.5), p95: quantile(spread, 0.95), most: quantile(spread, 1) },
      worst: found.toSorted((a, b) => b.spreadMs - a.spreadMs).slice(0, TOLD_WORST),
      offMs: Object.fromEntries(this.names.map((name, n) => [name, offOf(n)])),
    };
  }

  async #open(name: string): Promise<MemberPage> {
    const isFar = this.#far.has(name);
    const address = this.server.address(name, isFar ? this.#proxy.port : undefined);
    if (name.startsWith('bare')) {
      if (this.#chromium === undefined) throw new Error('there is no Chromium');
      const page = await BarePage.open(this.#chromium, address);
      this.#bare.push(page);
      return { told: async () => (await page.evaluate(`(${look.toString()})()`)) as Told };
    }
    if (name.startsWith('chromium')) {
      const page = await (await this.#chromium?.newContext())?.newPage();
      if (isFar) await page?.addInitScript(setClock, FAR_CLOCK_MS);
      await page?.goto(address);
      if (page !== undefined) return { told: () => page.evaluate(look) };
    } else {
      const page = await this.#firefox?.newPage({ type: 'window' });
      if (isFar) await page?.evaluateOnNewDocument(setClock, FAR_CLOCK_MS);
      await page?.goto(address);
      if (page !== undefined) return { told: () => page.evaluate(look) };
    }
    throw new Error(`there is no browser for ${name}`);
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

/** In the page, before it loads: the computer's clock is so far ahead. */
function setClock(aheadMs: number): void {
  const { timeOrigin } = performance;
  Object.defineProperty(Performance.prototype, 'timeOrigin', { get: () => timeOrigin + aheadMs });
  const now = Date.now.bind(Date);
  Date.now = () => now() + aheadMs;
  window.aheadMs = aheadMs;
}

/** In the page. */
function look(): Told {
  const { playback, isConnected } = window.party.view;
  const serverMs = window.party.serverNowMs();
  const nowMs = performance.timeOrigin + performance.now() - (window.aheadMs ?? 0);
  return {
    phase: playback.phase,
    entryId: playback.entryId,
    errorMs: playback.errorMs,
    problem: playback.problem?.message,
    isConnected,
    positionMs: window.party.positionMs(),
    clockOffMs: serverMs === undefined ? undefined : serverMs - nowMs,
  };
}
