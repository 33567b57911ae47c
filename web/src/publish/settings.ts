// A broadcaster's last choices, remembered by the browser.

import type { Memory } from '../browser/storage';
import type { Visibility } from '../protocol/stream';
import { strings } from '../strings';
import { QUALITIES, type Quality } from './broadcast';

/** The choices on the page before going live. The passphrase is not remembered. */
export interface Settings {
  title: string;
  /** Name of one of QUALITIES. */
  quality: Quality['name'];
  microphone: boolean;
  visibility: Visibility;
  /** Keep the stream in the library. */
  record: boolean;
}

/** The title of a stream without one. */
export const DEFAULT_TITLE = strings.live.setup.defaultTitle;

const KEY = 'undead.settings';
const DEFAULTS: Settings = {
  title: '',
  quality: QUALITIES[1].name,
  microphone: false,
  visibility: 'public',
  record: false,
};
const VISIBILITIES: readonly Visibility[] = ['public', 'unlisted', 'private'];

/** The last choices; defaults for missing or invalid ones. */
export function loadSettings(memory: Memory): Settings {
  const stored = parse(memory);
  const text = (value: unknown, or: string): string => (typeof value === 'string' ? value : or);
  const flag = (value: unknown, or: boolean): boolean => (typeof value === 'boolean' ? value : or);
  return {
    title: text(stored.title, DEFAULTS.title),
    quality: quality(text(stored.quality, DEFAULTS.quality)).name,
    microphone: flag(stored.microphone, DEFAULTS.microphone),
    visibility: VISIBILITIES.find((known) => known === stored.visibility) ?? DEFAULTS.visibility,
    record: flag(stored.record, DEFAULTS.record),
  };
}

export function saveSettings(memory: Memory, settings: Settings): void {
  memory.setItem(KEY, JSON.stringify(settings));
}

/** The quality with this name, or the default. */
export function quality(name: string): Quality {
  return QUALITIES.find((known) => known.name === name) ?? QUALITIES[1];
}

/** The next lower quality, if there is one. */
export function lowerQuality(than: Quality): Quality | undefined {
  return QUALITIES.findLast(({ videoBitsPerSecond }) => videoBitsPerSecond < than.videoBitsPerSecond);
}

function parse(memory: Memory): Partial<Record<keyof Settings, unknown>> {
  try {
    const stored: unknown = JSON.parse(memory.getItem(KEY) ?? '{}');
    return typeof stored === 'object' && stored !== null ? stored : {};
  } catch {
    return {};
  }
}
