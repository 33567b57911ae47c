// `npm run soak`, `kills`, `browsers`, `party-sync`, `first-picture`, `first-sound` and `screenshots`: measurements and pictures in real
// browsers, not tests; see the files of those names.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  testMatch: [
    'soak.ts',
    'kills.ts',
    'browsers.ts',
    'screenshots.ts',
    'party-sync.ts',
    'first-picture.ts',
    'first-sound.ts',
  ],
  timeout: 0,
  expect: { timeout: 20_000 },
  workers: 1,
  reporter: [['list']],
});
