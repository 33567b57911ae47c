// Figures for operators: the load of a node, the advice on capacity, the stream of a link.

import { describe, expect, it } from 'vitest';
import type { NodeInfo } from '../../protocol/node';
import { advice, clockProblem, fullness, streamIdIn, tone } from './figures';

const NODE: NodeInfo = {
  node_id: 'n',
  hostname: 'cdn-a',
  public_url: '/cdn/a',
  streams: 2,
  capacity: {},
  load: { viewers: 10, egress_bytes_per_s: 12_500_000, ring_bytes: 0, cpu_permille: 40, skips: 0 },
  lease_left_ms: 2_000,
};

describe('fullness', () => {
  it('is the share of the narrowest limit', () => {
    expect(fullness(NODE)).toBeCloseTo(0.1);
    expect(fullness({ ...NODE, capacity: { viewers: 20 } })).toBe(0.5);
    expect(fullness({ ...NODE, capacity: { viewers: 20, streams: 2 } })).toBe(1);
    expect(fullness({ ...NODE, capacity: { egress_bytes_per_s: 25_000_000 } })).toBe(0.5);
    expect(fullness({ ...NODE, load: { ...NODE.load, cpu_permille: 970 } })).toBe(0.97);
    expect(fullness({ ...NODE, capacity: { streams: 0 } })).toBe(2);
  });

  it('changes colour at the limits of the main server', () => {
    expect([0, 0.79, 0.8, 0.949, 0.95, 2].map(tone)).toEqual(['ok', 'ok', 'warn', 'warn', 'bad', 'bad']);
  });
});

describe('clockProblem', () => {
  it('reports a clock that is off by more than a second', () => {
    const of = (clock_offset_ms: number) => clockProblem({ ...NODE, clock_offset_ms });
    expect(clockProblem(NODE)).toBeUndefined();
    expect([0, 1_400, -1_400].map(of)).toEqual([undefined, undefined, undefined]);
    expect(of(5_000)).toBe('clock 5 s ahead');
    expect(of(-1_200_000)).toBe('clock 20 min behind');
    expect(of(90_000_000)).toBe('clock 25 h ahead');
  });
});

describe('advice', () => {
  const scaling = { nodes: 3, wanted: 3, reason: '', may_go: [] };

  it('tells how many nodes to start, which to stop, or that none is needed', () => {
    expect(advice({ ...scaling, wanted: 4 })).toMatchObject({ kind: 'warn', heading: '1 more node needed' });
    expect(advice({ ...scaling, wanted: 5 }).heading).toBe('2 more nodes needed');
    const spare = advice({ ...scaling, wanted: 1, may_go: ['cdn-b', 'cdn-c'] });
    expect(spare.heading).toBe('2 nodes can be stopped');
    expect(spare.advice).toContain('cdn-b, cdn-c');
    expect(advice(scaling)).toMatchObject({ kind: 'info', heading: 'Capacity is right' });
  });
});

describe('streamIdIn', () => {
  const id = '8811d3bae631e8b5e26212edaf3e41eb';

  it('reads ids and links', () => {
    for (const text of [id, ` ${id} `, `https://a.example/view/${id}`, `/embed/${id}?region=eu`, id.toUpperCase()]) {
      expect(streamIdIn(text)).toBe(id);
    }
    for (const text of ['', 'x', `${id}0`, `https://a.example/view/${id.slice(1)}`]) {
      expect(streamIdIn(text)).toBeUndefined();
    }
  });
});
