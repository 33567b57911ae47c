// The queue: a list of items and the current place in it. Kept for the tab, so that it survives a reload. No DOM.

import type { Memory } from '../browser/storage';
import type { Item, ItemId } from '../protocol/item';

const KEY = 'undead.library-queue';
/** Most items; the oldest played ones are dropped first. */
const MOST = 500;

/** The displayed fields of an item in the queue. */
export type Queued = Pick<Item, 'item_id' | 'title'> & Partial<Pick<Item, 'artist' | 'duration_ms' | 'poster_url'>>;

/** The queue of one tab. */
export class Queue {
  readonly #memory: Memory;
  readonly #changed: () => void;
  #items: Queued[] = [];
  #place = -1;

  constructor(memory: Memory, changed: () => void = () => undefined) {
    this.#memory = memory;
    this.#changed = changed;
    this.#restore();
  }

  get items(): readonly Queued[] {
    return this.#items;
  }

  /** The index of the current item; -1 if there is none. */
  get place(): number {
    return this.#place;
  }

  get current(): Queued | undefined {
    return this.#items[this.#place];
  }

  get hasNext(): boolean {
    return this.#place + 1 < this.#items.length;
  }

  get hasPrevious(): boolean {
    return this.#place > 0;
  }

  /** Plays an item: at its place in the queue, else after the current one. */
  play(item: Queued): void {
    const known = this.#items.findIndex(({ item_id }) => item_id === item.item_id);
    if (known >= 0) this.#place = known;
    else this.#items.splice(++this.#place, 0, queued(item));
    this.#store();
  }

  /** Adds an item at the end, unless it is already coming. */
  add(item: Queued): void {
    if (this.#items.slice(this.#place + 1).some(({ item_id }) => item_id === item.item_id)) return;
    this.#items.push(queued(item));
    this.#store();
  }

  /** Makes an index current; undefined if it does not exist. */
  go(place: number): Queued | undefined {
    if (this.#items[place] === undefined) return undefined;
    this.#place = place;
    this.#store();
    return this.current;
  }

  next(): Queued | undefined {
    return this.go(this.#place + 1);
  }

  previous(): Queued | undefined {
    return this.go(this.#place - 1);
  }

  /** Moves an item; the current item stays current. */
  move(from: number, to: number): void {
    const [moved] = this.#items.splice(from, 1);
    if (moved === undefined) return;
    const at = Math.min(Math.max(0, to), this.#items.length);
    this.#items.splice(at, 0, moved);
    if (from === this.#place) this.#place = at;
    else if (from < this.#place && at >= this.#place) this.#place--;
    else if (from > this.#place && at <= this.#place) this.#place++;
    this.#store();
  }

  /** Removes the item at an index. */
  remove(place: number): void {
    if (this.#items[place] === undefined) return;
    this.#items.splice(place, 1);
    if (place < this.#place) this.#place--;
    else if (place === this.#place) this.#place = -1;
    this.#store();
  }

  /** Removes an item that no longer exists. */
  forget(id: ItemId): void {
    for (let at = this.#items.length - 1; at >= 0; at--) if (this.#items[at]?.item_id === id) this.remove(at);
  }

  /** Removes everything except the current item. */
  clear(): void {
    this.#items = this.current === undefined ? [] : [this.current];
    this.#place = this.#items.length - 1;
    this.#store();
  }

  #store(): void {
    const surplus = Math.min(Math.max(0, this.#place), this.#items.length - MOST);
    if (surplus > 0) {
      this.#items.splice(0, surplus);
      this.#place -= surplus;
    }
    this.#memory.setItem(KEY, JSON.stringify({ items: this.#items, place: this.#place }));
    this.#changed();
  }

  #restore(): void {
    try {
      const { items, place } = JSON.parse(this.#memory.getItem(KEY) ?? '') as { items: Queued[]; place: number };
      if (!items.every(({ item_id, title }) => typeof item_id === 'string' && typeof title === 'string')) return;
      this.#items = items;
      this.#place = Math.min(place, items.length - 1);
    } catch {
      // The tab is new, or another version wrote the value.
    }
  }
}

function queued({ item_id, title, artist, duration_ms, poster_url }: Queued): Queued {
  return {
    item_id,
    title,
    ...(artist === undefined ? {} : { artist }),
    ...(duration_ms === undefined ? {} : { duration_ms }),
    ...(poster_url === undefined ? {} : { poster_url }),
  };
}
