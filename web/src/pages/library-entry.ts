// The entry of the library's page: loads the item first, then runs the page's code. The build lets browsers load
// both at the same time.

import { itemFirst } from './library-early';

void itemFirst().then(() => import('./library'));
