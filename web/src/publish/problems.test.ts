// Every kind of failure has a text of its own, and each gives advice.

import { describe, expect, it } from 'vitest';
import { CallError } from '../protocol/error';
import { callProblem, captureProblem, obstacle, type Abilities } from './problems';

const ALL: Abilities = { secureContext: true, screen: true, camera: true, recorder: true, player: true };

describe('obstacle', () => {
  it('is undefined if everything is available', () => {
    expect(obstacle('screen', ALL)).toBeUndefined();
    expect(obstacle('camera', ALL)).toBeUndefined();
  });

  it('names the insecure address first, because it disables everything else', () => {
    const insecure = { ...ALL, secureContext: false, screen: false, camera: false };
    expect(obstacle('screen', insecure)?.advice).toContain('https');
  });

  it('points phones, which cannot share a screen, to the camera', () => {
    const phone = { ...ALL, screen: false };
    expect(obstacle('screen', phone)?.advice).toContain('camera');
    expect(obstacle('camera', phone)).toBeUndefined();
  });

  it('reports a browser that cannot record', () => {
    expect(obstacle('screen', { ...ALL, recorder: false })?.title).toContain('record');
  });
});

describe('captureProblem', () => {
  it('distinguishes refused, missing and busy sources', () => {
    const titles = ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'Odd'].map(
      (name) => captureProblem('screen', new DOMException('', name)).title,
    );
    expect(new Set(titles).size).toBe(4);
  });
});

describe('callProblem', () => {
  it('distinguishes a full cluster, an unreachable one and an ended stream', () => {
    const codes = [
      'no_node_available',
      'no_capacity',
      'store_unavailable',
      'unreachable',
      'unknown_stream',
      'already_publishing',
      'internal',
    ] as const;
    const titles = codes.map((code) => callProblem(new CallError(code, '')).title);
    expect(new Set(titles).size).toBe(codes.length);
  });

  it('never shows the text of an unforeseen error', () => {
    expect(JSON.stringify(callProblem(new Error('TypeError at line 3')))).not.toContain('line 3');
  });
});
