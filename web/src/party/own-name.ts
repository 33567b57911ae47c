// The name under which a guest joined a party last, offered for the next one.

import { siteMemory, type Memory } from '../browser/storage';

const KEY = 'undead.party-name';

/** Empty if there is none. */
export function lastName(memory: Memory = siteMemory): string {
  return memory.getItem(KEY) ?? '';
}

export function keepName(name: string, memory: Memory = siteMemory): void {
  memory.setItem(KEY, name);
}
