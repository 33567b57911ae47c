// When plain WebSockets are worth trying, from what happened before.

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
  it('believes in WebSockets at first', () => {
    expect(new WsMemory(storage()).worthTrying('/a')).toBe(true);
  });

  it('does without, at every node, when none ever passed', () => {
    const memory = new WsMemory(storage());
    expect(memory.failed()).toBe(true);
    memory.doesNotPass('/a');
    expect(memory.worthTrying('/a')).toBe(false);
    expect(memory.worthTrying('/b')).toBe(false);
  });

  it('does without at one node when others are reached', () => {
    const memory = new WsMemory(storage());
    memory.served();
    memory.doesNotPass('/a');
    expect(memory.worthTrying('/a')).toBe(false);
    expect(memory.worthTrying('/b')).toBe(true);
  });

  it('takes failures for a dead node where WebSockets have served, until they go on for long', () => {
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

  it('remembers on the next page of the tab, and forgets in time', () => {
    const tab = storage();
    let nowMs = 1_000;
    new WsMemory(tab, () => nowMs).doesNotPass('/a');
    const next = new WsMemory(tab, () => nowMs);
    expect(next.worthTrying('/a')).toBe(false);
    nowMs += 11 * 60_000;
    expect(next.worthTrying('/a')).toBe(true);
  });

  it('lives with a storage that holds garbage', () => {
    for (const kept of ['{', '7', 'null', '[["/a"],["/b","soon"],5]']) {
      expect(new WsMemory(storage(kept)).worthTrying('/a')).toBe(true);
    }
  });

  it('remembers without a storage of the browser, as where site data is blocked', () => {
    const blocked = guarded(() => {
      throw new DOMException('no', 'SecurityError');
    });
    const memory = new WsMemory(blocked);
    memory.doesNotPass('/a');
    expect(memory.worthTrying('/a')).toBe(false);
  });
});
