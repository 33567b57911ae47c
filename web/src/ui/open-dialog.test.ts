// @vitest-environment happy-dom
// An open dialog is found in any element.

import { expect, it } from 'vitest';
import { hasOpenDialog } from './open-dialog';

it('finds an open dialog in shadow trees, and ignores closed ones', () => {
  const outer = document.createElement('div');
  const inner = document.createElement('div');
  const dialog = document.createElement('dialog');
  outer.attachShadow({ mode: 'open' }).append(inner);
  inner.attachShadow({ mode: 'open' }).append(dialog);
  document.body.append(outer);
  expect(hasOpenDialog(document)).toBe(false);
  dialog.setAttribute('open', '');
  expect(hasOpenDialog(document)).toBe(true);
  outer.remove();
  expect(hasOpenDialog(document)).toBe(false);
});
