// Debian's nginx in front of a server: with only `proxy_pass` (no upgrades, bodies of at most 1 MB), or as in
// docs/reverse-proxy.md for a site below a path.
import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A request in the access log. */
export interface Access {
  status: number;
  method: string;
  path: string;
  requestBytes: number;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port is free');
  return address.port;
}

function loopback(target: string): string {
  return target.replace('localhost', '127.0.0.1');
}

export class Nginx {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, process: ChildProcess, folder: string) {
    this.url = url;
    this.#process = process;
    this.#folder = folder;
  }

  /** Starts nginx before the server at `target`, with only `proxy_pass`. */
  static async before(target: string): Promise<Nginx> {
    return await Nginx.#start(
      (port) => `server { listen 127.0.0.1:${port}; location / { proxy_pass ${loopback(target)}; } }`,
    );
  }

  /** Starts nginx with the server at `target`, which trusts 127.0.0.1, below `prefix`. */
  static async below(prefix: string, target: string): Promise<Nginx> {
    const headers = [
      'Host $http_host',
      'Upgrade $http_upgrade',
      'Connection $connection_upgrade',
      'X-Forwarded-For $remote_addr',
      `X-Forwarded-Prefix ${prefix}`,
    ];
    return await Nginx.#start(
      (port) => `
        map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
        server {
          listen 127.0.0.1:${port};
          location ${prefix}/ {
            proxy_http_version 1.1;
            ${headers.map((header) => `proxy_set_header ${header};`).join(' ')}
            proxy_pass ${loopback(target)}/;
          }
        }`,
      prefix,
    );
  }

  static async #start(servers: (port: number) => string, prefix = ''): Promise<Nginx> {
    const folder = await mkdtemp(path.join(tmpdir(), 'undead-nginx-'));
    // If root starts nginx, its workers run as another user.
    await chmod(folder, 0o755);
    const port = await freePort();
    // Uses its own folders, so that it does not need root. Everything else is nginx's default.
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`);
    const config = `
      daemon off; worker_processes 1; pid nginx.pid; error_log error.log;
      events { }
      http {
        ${temporary.join(' ')}
        log_format requests '$status $request_method $uri $request_length';
        access_log access.log requests;
        ${servers(port)}
      }`;
    await writeFile(path.join(folder, 'nginx.conf'), config);
    const child = spawn('nginx', ['-p', folder, '-c', 'nginx.conf', '-e', 'error.log'], {
      stdio: 'inherit',
      env: { ...process.env, PATH: `${process.env.PATH ?? ''}:/usr/sbin` },
    });
    const nginx = new Nginx(`http://localhost:${port}${prefix}`, child, folder);
    await nginx.#answers();
    return nginx;
  }

  /** The requests so far. */
  async log(): Promise<Access[]> {
    const text = await readFile(path.join(this.#folder, 'access.log'), 'utf8');
    return text.split('\n').flatMap((line) => {
      const [status, method, path, requestBytes] = line.split(' ');
      if (method === undefined || path === undefined) return [];
      return [{ status: Number(status), method, path, requestBytes: Number(requestBytes) }];
    });
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #answers(): Promise<void> {
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error('nginx did not start');
      const answer = await fetch(`${this.url}/healthz`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
