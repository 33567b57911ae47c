// `npm run soak`: one broadcast, one viewer, for SOAK_MINUTES (30 unless told otherwise); see e2e/soak.ts.
import { defineConfig } from '@playwright/test';

export default defineConfig({
  testDir: '.',
  testMatch: 'soak.ts',
  timeout: 0,
  workers: 1,
  reporter: [['list']],
});
