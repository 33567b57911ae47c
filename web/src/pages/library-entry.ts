// The entry of the library's page: the item comes first, then what shows it. The build lets browsers load both at the same time.

import './library-early';

void import('./library');
