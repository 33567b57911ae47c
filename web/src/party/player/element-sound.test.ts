// What is known of the sound of media elements applies to the browsers in which it was measured.

import { expect, it } from 'vitest';
import { elementSound } from './element-sound';

const firefox = (system: string): string => `Mozilla/5.0 (${system}; rv:153.0) Gecko/20100101 Firefox/153.0`;
const chromium = (system: string): string =>
  `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36`;

it('is heard early in both browsers on Linux', () => {
  expect(elementSound(firefox('X11; Linux x86_64')).lateMs).toBeLessThan(0);
  expect(elementSound(chromium('X11; Linux x86_64')).lateMs).toBeLessThan(0);
});

it.each(['Windows NT 10.0; Win64; x64', 'Linux; Android 15'])('is not known on %s', (system) => {
  expect([elementSound(firefox(system)).lateMs, elementSound(chromium(system)).lateMs]).toEqual([0, 0]);
});

it('is cut by corrections in Firefox alone, on every system', () => {
  const systems = ['X11; Linux x86_64', 'Windows NT 10.0; Win64; x64', 'Android 15; Mobile'];
  expect(systems.map((system) => elementSound(firefox(system)).cutMs > 0)).toEqual([true, true, true]);
  expect(systems.map((system) => elementSound(chromium(system)).cutMs)).toEqual([0, 0, 0]);
});
