// The entry of the library's page: requests the item first, then loads the page's code. The build lets browsers load
// both at the same time.

import './library-early';

void import('./library');
