// The look of the pages in this browser: theme and motion. They follow the system unless the person chose otherwise.
// `/theme.js` applies the stored choice before the first paint, this module applies changes.

import { siteMemory, type Memory } from '../browser/storage';

/** `system` follows the operating system. */
export type Theme = 'system' | 'light' | 'dark';

/** A choice. `motion` off stops animations even if the system allows them. */
export interface Appearance {
  theme: Theme;
  motion: boolean;
}

// public/theme.js uses the same names.
const THEME_KEY = 'undead.theme';
const MOTION_KEY = 'undead.motion';

/** The choice in this browser. */
export function appearance(memory: Memory = siteMemory): Appearance {
  const theme = memory.getItem(THEME_KEY);
  return {
    theme: theme === 'light' || theme === 'dark' ? theme : 'system',
    motion: memory.getItem(MOTION_KEY) !== 'off',
  };
}

/** Stores the choice for all pages of this site in this browser, and applies it to `root`, the page's <html>. */
export function chooseAppearance(
  { theme, motion }: Appearance,
  memory: Memory = siteMemory,
  root: Pick<HTMLElement, 'dataset'> = document.documentElement,
): void {
  keep(memory, root, THEME_KEY, 'theme', theme === 'system' ? undefined : theme);
  keep(memory, root, MOTION_KEY, 'motion', motion ? undefined : 'off');
}

function keep(
  memory: Memory,
  { dataset }: Pick<HTMLElement, 'dataset'>,
  key: string,
  name: 'theme' | 'motion',
  value: string | undefined,
): void {
  if (value === undefined) {
    memory.removeItem(key);
    Reflect.deleteProperty(dataset, name);
  } else {
    memory.setItem(key, value);
    dataset[name] = value;
  }
}
