// `npm run soak` and `npm run kills`: measurements in a real browser, not tests; see e2e/soak.ts and e2e/kills.ts.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  testMatch: ['soak.ts', 'kills.ts'],
  timeout: 0,
  workers: 1,
  reporter: [['list']],
});
