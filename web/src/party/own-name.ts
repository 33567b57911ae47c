// The guest's name in the last joined party, offered for the next one.

import { siteMemory, type Memory } from '../browser/storage';

const KEY = 'undead.party-name';

/** Returns an empty text if there is none. */
export function lastName(memory: Memory = siteMemory): string {
  return memory.getItem(KEY) ?? '';
}

export function keepName(name: string, memory: Memory = siteMemory): void {
  memory.setItem(KEY, name);
}
