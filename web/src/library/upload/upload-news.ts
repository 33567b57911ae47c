// Receives changes of the items that the server creates from uploaded files, in a page that follows no other items. Browsers open
// only six connections to a server, so this one is open only while the server reads a file. No DOM.

import type { Item } from '../../protocol/item';
import { followItems } from '../news';
import type { Uploads } from './uploads';

/** Callbacks and dependencies of {@link UploadNews}. */
export interface UploadNewsSetup {
  uploads: () => Pick<Uploads, 'views' | 'heard' | 'heardAnew'>;
  /** A test passes its own. */
  follow?: typeof followItems;
}

/** Passes changes of items to the uploads of a page. */
export class UploadNews {
  readonly #setup: UploadNewsSetup;
  #stop: AbortController | undefined;
  #isHearing = false;

  constructor(setup: UploadNewsSetup) {
    this.#setup = setup;
  }

  /** Whether the connection receives changes now. */
  get isHearing(): boolean {
    return this.#isHearing;
  }

  /** Handles that an upload changed. */
  update(): void {
    const isReading = this.#setup.uploads().views.some(({ phase }) => phase === 'reading');
    if (!isReading) this.close();
    else if (this.#stop === undefined) this.#follow();
  }

  /** Ends the connection. */
  close(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#isHearing = false;
  }

  #follow(): void {
    const stop = new AbortController();
    this.#stop = stop;
    const { uploads, follow = followItems } = this.#setup;
    const hears = (isHearing: boolean): void => {
      if (!stop.signal.aborted) this.#isHearing = isHearing;
    };
    follow(
      {
        began: () => {
          hears(true);
          uploads().heardAnew();
        },
        changed: (_id, item: Item | undefined) => {
          if (item !== undefined) uploads().heard(item);
        },
        broke: () => hears(false),
      },
      stop.signal,
    );
  }
}
