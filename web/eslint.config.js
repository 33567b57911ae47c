import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Browsers that block site data throw where these are named: `storage.ts` and `offline-storage.ts` in `src/browser` alone may do it. */
function noDirectStorage() {
  const message = 'throws where site data is blocked: use src/browser/storage.ts or offline-storage.ts';
  const names = ['localStorage', 'sessionStorage', 'indexedDB', 'caches', 'cookieStore'];
  return {
    'no-restricted-globals': ['error', ...names.map((name) => ({ name, message }))],
    'no-restricted-properties': [
      'error',
      ...names.map((property) => ({ property, message })),
      ...['storage', 'serviceWorker'].map((property) => ({ object: 'navigator', property, message })),
      { object: 'document', property: 'cookie', message },
    ],
  };
}

export default defineConfig(
  { ignores: ['dist', 'node_modules', 'public', 'test-results', '*.js'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-syntax': ['error', { selector: 'TSEnumDeclaration', message: 'use a union of string literals' }],
      eqeqeq: 'error',
      ...noDirectStorage(),
    },
  },
  // A table of texts: what a function in it returns is plain to see.
  { files: ['src/strings/en/*.ts'], rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' } },
  { files: ['src/browser/storage.ts'], rules: { 'no-restricted-globals': 'off' } },
  {
    // The worker is handed the caches that it works with; tests look at what a page kept.
    files: [
      'src/browser/offline-storage.ts',
      'src/library/worker/**',
      'e2e/library-firefox.spec.ts',
      'e2e/support/library-page.ts',
      'e2e/support/party-scenes.ts',
    ],
    rules: { 'no-restricted-globals': 'off', 'no-restricted-properties': 'off' },
  },
);
