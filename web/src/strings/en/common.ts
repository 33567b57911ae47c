// What all pages share, and the pages that hold little else.

export const common = {
  cancel: 'Cancel',
  dismiss: 'Dismiss',
  /** What the browser's tab says of a page called `name`. */
  pageTitle: (name: string) => `${name} · Undead`,
  visibilities: { public: 'Public', unlisted: 'Unlisted', private: 'Private' },
  states: { created: 'Starting', live: 'LIVE', interrupted: 'Interrupted', ended: 'Ended' },
  /** `shown` is `n` as written. */
  viewers: (n: number, shown: string) => (n === 1 ? '1 viewer' : `${shown} viewers`),
  ages: {
    justNow: 'just now',
    minutes: (n: number) => `${n} min`,
    hours: (n: number) => `${n} h`,
    days: (n: number) => `${n} days`,
  },
  noScript: 'Undead needs JavaScript to capture and play video. Switch it on and reload this page.',
  /** Titles and descriptions of the pages, by file. */
  pages: {
    index: { title: 'Undead · Go live. Stay live.', description: 'Share your screen live from the browser.' },
    live: { title: 'Go live · Undead', description: 'Share your screen or camera live, from this browser.' },
    view: { title: 'Live now · Undead', description: 'Streams that are live on Undead right now.' },
    watch: { title: 'Watch · Undead', description: 'A live stream on Undead.' },
    library: { title: 'Library · Undead', description: 'Recordings and uploads to play any time.' },
    parties: { title: 'Parties · Undead', description: 'Listen and watch together, at the same moment.' },
    admin: { title: 'Operations · Undead', description: 'Nodes, streams and accounts of this Undead.' },
    styleguide: { title: 'Style guide · Undead', description: 'Tokens and elements of the pages of Undead.' },
    '404': { title: 'Page not found · Undead', description: 'This page does not exist.' },
  },
  shell: {
    skip: 'Skip to content',
    home: 'Undead, start page',
    navigation: 'Main',
    watch: 'Watch',
    library: 'Library',
    parties: 'Parties',
    goLive: 'Go live',
    footer: 'Undead. Live streams that outlive their servers.',
  },
  appearance: {
    label: 'Appearance',
    system: 'System theme',
    light: 'Light',
    dark: 'Dark',
    motion: 'Animations',
  },
  home: {
    heading: 'Go live. Stay live.',
    advice: 'Share your screen from the browser. Anyone with the link watches a moment later. No install, no account.',
    goLive: 'Go live',
    party: 'Start a party',
    now: 'Live now',
  },
  streams: {
    heading: 'Live now',
    loading: 'Loading streams',
    empty: 'No one is live right now',
    emptyAdvice: 'Streams appear here as soon as they start.',
    unreachable: 'The server can’t be reached. Trying again…',
    startedJustNow: 'Started just now',
    liveFor: (age: string) => `Live for ${age}`,
    reconnecting: 'The broadcaster is reconnecting',
  },
  copying: {
    copied: 'Copied',
    link: { label: 'Link for viewers', copy: 'Copy link', done: 'Link copied' },
    key: { label: 'Stream key', copy: 'Copy key', done: 'Key copied' },
    invitation: { label: 'Invitation link', copy: 'Copy link', done: 'Link copied' },
    party: { label: 'Link to the party', copy: 'Copy link', done: 'Link copied' },
    byHand: (keys: string) => `This browser doesn’t let the page copy. The text is selected: press ${keys} to copy it.`,
  },
  notFound: {
    heading: 'This page does not exist',
    advice: 'The address may be incomplete, or the page has moved.',
    home: 'Go to the start page',
    live: 'See what is live',
  },
};
