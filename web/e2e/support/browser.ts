// Debian's Chromium with the flags that let a page share a tab without user interaction: see README.md.
import { chromium, type Browser } from '@playwright/test';

import { CLOCK_TITLE } from './clock-server.ts';

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

export async function launchBrowser(flags: readonly string[] = [], env?: Record<string, string>): Promise<Browser> {
  return await chromium.launch({
    executablePath: EXECUTABLE,
    ...(env === undefined ? {} : { env }),
    // Playwright mutes the browser, and a muted browser shares silence.
    ignoreDefaultArgs: ['--mute-audio'],
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--auto-select-tab-capture-source-by-title=${CLOCK_TITLE}`,
      ...flags,
    ],
  });
}
