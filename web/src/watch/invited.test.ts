// An invitation admits a tab once, and again after a reload.

import { expect, it } from 'vitest';
import type { Memory } from '../browser/storage';
import { Invited } from './invited';

const ID = 'a'.repeat(32);

function visit(memory: Memory, hash = ''): Invited {
  const history = { state: null, replaceState: () => undefined };
  return new Invited(ID, memory, { location: { hash, pathname: '/', search: '' }, history });
}

function store(): Memory {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

it('has none without a link', () => {
  const invited = visit(store());
  invited.admitted('grant');
  expect(invited).toMatchObject({ invitation: undefined, grant: undefined });
});

it('is kept with its grant for the tab, so that a reload is not another use', () => {
  const memory = store();
  const first = visit(memory, '#invitation=secret');
  expect(first).toMatchObject({ invitation: 'secret', grant: undefined });
  first.admitted('grant 1');
  expect(visit(memory)).toMatchObject({ invitation: 'secret', grant: 'grant 1' });
  expect(visit(memory, '#invitation=secret')).toMatchObject({ grant: 'grant 1' });
});

it('is replaced by that of another link, which has its own grant', () => {
  const memory = store();
  visit(memory, '#invitation=old').admitted('grant 1');
  expect(visit(memory, '#invitation=new')).toMatchObject({ invitation: 'new', grant: undefined });
});

it('is dropped once it is refused', () => {
  const memory = store();
  const invited = visit(memory, '#invitation=secret');
  invited.admitted('grant');
  invited.forget();
  expect(invited).toMatchObject({ invitation: undefined, grant: undefined });
  expect(visit(memory)).toMatchObject({ invitation: undefined, grant: undefined });
});
