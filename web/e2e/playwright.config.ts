// The browser tests: real Chromium and Firefox, the release binary. What looks at pages runs first, two files at a time. What follows a
// broadcast or listens to sound runs one test at a time: two cores are enough for one broadcast.
import { defineConfig } from '@playwright/test';

/** Tests that hold at any speed of the machine. */
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
  projects: [
    { name: 'pages', testMatch: PAGES },
    { name: 'streams', testMatch: '**/*.spec.ts', testIgnore: PAGES, workers: 1, dependencies: ['pages'] },
  ],
});
