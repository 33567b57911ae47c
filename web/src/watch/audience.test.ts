// One viewer count from the node's frequent and the main server's rare reports.

import { expect, it } from 'vitest';
import { Audience } from './audience';

it('is the only known number before the other server reports', () => {
  const audience = new Audience();
  expect(audience.total).toBe(0);
  audience.everywhere = 7;
  expect(audience.total).toBe(7);
  const other = new Audience();
  other.onNode = 3;
  expect(other.total).toBe(3);
});

it('follows the node, plus the viewers of other nodes', () => {
  const audience = new Audience();
  audience.onNode = 3;
  audience.everywhere = 10;
  expect(audience.total).toBe(10);
  audience.onNode = 5;
  expect(audience.total).toBe(12);
  audience.onNode = 1;
  expect(audience.total).toBe(8);
  audience.everywhere = 1;
  expect(audience.total).toBe(1);
});

it('does not count its own node twice when the main server reported first, or late', () => {
  const audience = new Audience();
  audience.everywhere = 4;
  audience.onNode = 5;
  expect(audience.total).toBe(5);
  audience.onNode = undefined;
  expect(audience.total).toBe(5);
  audience.onNode = 6;
  expect(audience.total).toBe(6);
});
