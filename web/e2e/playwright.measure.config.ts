// `npm run soak`, `npm run kills` and `npm run browsers`: measurements in real browsers, not tests; see e2e/soak.ts, e2e/kills.ts
// and e2e/browsers.ts.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  testMatch: ['soak.ts', 'kills.ts', 'browsers.ts'],
  timeout: 0,
  workers: 1,
  reporter: [['list']],
});
