// The browser tests: real Chromium and Firefox, the release binary. Tests of pages run first, two files at a time.
// Tests of broadcasts or sound run one at a time, because two cores suffice for one broadcast only.
import { defineConfig } from '@playwright/test';

/** Tests that pass at any speed of the machine. */
const PAGES =
  /(accessibility|admin|admission|contract|jobs|library|library-firefox|library-upload|party|people)\.spec\.ts$/;

export default defineConfig({
  testDir: '.',
  outputDir: '../test-results',
  workers: 2,
  fullyParallel: false,
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list']],
  forbidOnly: true,
  // The summary lists a test that passed only then as flaky. By hand, every failure is seen.
  retries: process.env.CI === undefined ? 0 : 1,
  projects: [
    { name: 'pages', testMatch: PAGES },
    { name: 'streams', testMatch: '**/*.spec.ts', testIgnore: PAGES, workers: 1, dependencies: ['pages'] },
  ],
});
