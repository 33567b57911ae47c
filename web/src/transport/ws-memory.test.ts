// Whether plain WebSockets are worth trying, based on earlier attempts.

import { describe, expect, it } from 'vitest';
import { guarded } from '../browser/storage';
import { WsMemory } from './ws-memory';

function storage(kept: string | null = null) {
  return {
    kept,
    getItem(): string | null {
      return this.kept;
    },
    setItem(_key: string, value: string): void {
      this.kept = value;
    },
  };
}

describe('WsMemory', () => {
  it('tries WebSockets at first', () => {
    expect(new WsMemory(storage()).worthTrying('/a')).toBe(true);
  });

  it('avoids them at every node if none ever worked', () => {
    const memory = new WsMemory(storage());
    expect(memory.failed()).toBe(true);
    memory.doesNotPass('/a');
    expect(memory.worthTrying('/a')).toBe(false);
    expect(memory.worthTrying('/b')).toBe(false);
  });

  it('avoids them at one node if others are reached', () => {
    const memory = new WsMemory(storage());
    memory.served();
    memory.doesNotPass('/a');
    expect(memory.worthTrying('/a')).toBe(false);
    expect(memory.worthTrying('/b')).toBe(true);
  });

  it('blames a dead node if WebSockets have worked before, until failures last for long', () => {
    let nowMs = 1_000;
    const memory = new WsMemory(storage(), () => nowMs);
    memory.served();
    const failures = Array.from({ length: 10 }, () => {
      nowMs += 500;
      return memory.failed();
    });
    expect(failures).not.toContain(true);
    nowMs += 2_000;
    expect(memory.failed()).toBe(true);
    memory.served();
    expect(memory.failed()).toBe(false);
  });

  it('remembers across pages of the tab, and forgets after a time', () => {
    const tab = storage();
    let nowMs = 1_000;
    new WsMemory(tab, () => nowMs).doesNotPass('/a');
    const next = new WsMemory(tab, () => nowMs);
    expect(next.worthTrying('/a')).toBe(false);
    nowMs += 11 * 60_000;
    expect(next.worthTrying('/a')).toBe(true);
  });

  it('tolerates garbage in the storage', () => {
    for (const kept of ['{', '7', 'null', '[["/a"],["/b","soon"],5]']) {
      expect(new WsMemory(storage(kept)).worthTrying('/a')).toBe(true);
    }
  });

  it('remembers without browser storage, as when site data is blocked', () => {
    const blocked = guarded(() => {
      throw new DOMException('no', 'SecurityError');
    });
    const memory = new WsMemory(blocked);
    memory.doesNotPass('/a');
    expect(memory.worthTrying('/a')).toBe(false);
  });
});
