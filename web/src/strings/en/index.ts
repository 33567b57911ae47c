// The English table, with one file per part of the site.

import { admin } from './admin';
import { common } from './common';
import { jobs } from './jobs';
import { karaoke } from './karaoke';
import { library } from './library';
import { live } from './live';
import { parties } from './parties';
import { party } from './party';
import { people } from './people';
import { problems } from './problems';
import { styleguide } from './styleguide';
import { uploads } from './uploads';
import { watch } from './watch';

export const en = {
  ...common,
  admin,
  jobs,
  karaoke,
  library,
  live,
  parties,
  party,
  people,
  problems,
  styleguide,
  uploads,
  watch,
};
