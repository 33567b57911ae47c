// Every text on the pages, in one place. Code refers to texts by name (`strings.live.goLive`) and contains none itself.
// A translation is another table of the same type. No DOM.

import { en } from './en';

/** The texts of one language. Texts with numbers are functions, because languages order and count differently. */
export type Strings = typeof en;

export const strings: Strings = en;
