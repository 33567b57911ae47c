// Secrets in a page's address. They stand behind `#`, which browsers send to no server, and are removed at once,
// because histories, bookmarks and shared screens keep addresses.

/** The parts of `location` and `history` in use; a test passes its own. */
export interface Address {
  location: Pick<Location, 'hash' | 'pathname' | 'search'>;
  history: Pick<History, 'replaceState' | 'state'>;
}

/** Takes the value of `name` out of the fragment of the page's address; undefined if it is missing or empty. */
export function takeFromFragment(name: string, { location, history }: Address = window): string | undefined {
  const fields = new URLSearchParams(location.hash.slice(1));
  const value = fields.get(name);
  if (value === null) return undefined;
  fields.delete(name);
  const rest = fields.size > 0 ? `#${fields.toString()}` : '';
  try {
    history.replaceState(history.state, '', location.pathname + location.search + rest);
  } catch {
    // Some frames do not allow this. Their address is not visible to people.
  }
  return value === '' ? undefined : value;
}
