// An announced timeline begins at its time; until then the previous one continues.

import { describe, expect, it } from 'vitest';
import type { PartyTimeline } from '../protocol/party';
import { fakeEntry } from './fake-party';
import { goesOn, positionAt, Schedule } from './timeline';

const plays = (id: string, at_ms: number, more: Partial<PartyTimeline> = {}): PartyTimeline => ({
  entry: fakeEntry(id),
  position_ms: 0,
  at_ms,
  paused: false,
  round: 1,
  ...more,
});

describe('the position', () => {
  it('advances with the server’s clock from its time on, unless paused', () => {
    const timeline = plays('a', 1_000, { position_ms: 500 });
    expect([0, 1_000, 3_000].map((ms) => positionAt(timeline, ms))).toEqual([500, 500, 2_500]);
    expect(positionAt({ ...timeline, paused: true }, 9_000)).toBe(500);
  });

  it('continues if only other fields changed', () => {
    const before = plays('a', 1_000);
    expect(goesOn(before, plays('a', 4_000, { position_ms: 3_000 }))).toBe(true);
    expect(goesOn(before, plays('a', 4_000, { position_ms: 9_000 }))).toBe(false);
    expect(goesOn(before, plays('a', 4_000, { position_ms: 3_000, paused: true }))).toBe(false);
    expect(goesOn(before, plays('b', 4_000, { position_ms: 3_000 }))).toBe(false);
    expect(goesOn(before, plays('a', 4_000, { position_ms: 3_000, round: 2 }))).toBe(false);
  });
});

describe('the schedule', () => {
  it('keeps the current timeline until the announced one is due', () => {
    const schedule = new Schedule();
    const [first, second] = [plays('a', 0), plays('b', 10_000, { round: 2 })];
    schedule.learn(first, 100);
    schedule.learn(second, 7_000);
    expect(schedule.due(9_999)).toEqual({ now: first, next: second });
    expect(schedule.due(10_000)).toEqual({ now: second, next: undefined });
  });

  it('is unchanged by an identical snapshot', () => {
    const schedule = new Schedule();
    const announced = plays('a', 5_000);
    schedule.learn(announced, 1_000);
    schedule.learn({ ...announced, waiting_for: [] }, 2_000);
    expect(schedule.due(3_000).next).toBe(announced);
  });

  it('replaces an announcement by a newer one', () => {
    const schedule = new Schedule();
    const [first, second, third] = [plays('a', 0), plays('b', 10_000), plays('c', 10_000)];
    for (const timeline of [first, second, third]) schedule.learn(timeline, 7_000);
    expect(schedule.due(8_000)).toEqual({ now: first, next: third });
  });

  it('has nothing before the first, even if that is announced', () => {
    const schedule = new Schedule();
    expect(schedule.due(0)).toEqual({ now: undefined, next: undefined });
    schedule.learn(plays('a', 5_000), 1_000);
    expect(schedule.due(4_000).now).toBeUndefined();
    expect(schedule.due(5_000).now?.entry?.entry_id).toBe('a');
  });
});
