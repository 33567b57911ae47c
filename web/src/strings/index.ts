// Every text that people read on the pages, in one place. Code names texts (`strings.live.goLive`) and holds none itself; a
// translation is another table of the same type. No DOM.

import { en } from './en';

/** A language's texts. Those with figures in them are functions, as languages order and count differently. */
export type Strings = typeof en;

/** The texts in use. */
export const strings: Strings = en;
