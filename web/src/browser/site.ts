// The addresses of this site's own pages and calls. A proxy may put the site below a path, such as /live-tv. The server writes that
// path into every page (`<meta name="base">`); addresses in the server's answers already begin with it.

/** The path below which the site is, without a slash at its end; empty at the root of a host, and where nothing serves the page. */
const BASE =
  typeof document === 'undefined'
    ? ''
    : basePath(document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content);

/** What `<meta name="base">` says; `./`, as it is built, means the root. */
export function basePath(content = '/'): string {
  return content.startsWith('/') ? content.replace(/\/+$/, '') : '';
}

/** Where `path`, such as `/view/…` or `/api/…`, is for this browser. */
export function site(path: string, base = BASE): string {
  return base + path;
}

/** The path within the site that `pathname`, that of a page's address, stands for. */
export function sitePath(pathname: string, base = BASE): string {
  return pathname.startsWith(`${base}/`) ? pathname.slice(base.length) : pathname;
}
