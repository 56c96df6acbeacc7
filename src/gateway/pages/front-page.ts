/** The gateway's front page: its files, the headers that confine it, and its template filled. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Example } from '../../apis/api.js';
import { escapeHtml } from '../../common/html.js';
import { packageRoot } from '../../common/package.js';
import { causeOf } from '../../common/state.js';

const names = [
  'index.html',
  'style.css',
  'icon.svg',
  'page.js',
  'chart.js',
  'copying.js',
  'day.js',
  'dom.js',
  'facts.js',
  'history.js',
  'load.js',
  'polling.js',
  'rates.js',
  'sources.js',
  'status.js',
  'transitions.js',
  'words.js',
] as const;

/** Texts by file name. */
export type PageFiles = Readonly<Record<(typeof names)[number], string>>;

let reading: Promise<PageFiles> | undefined;

/**
 * The files of the package's folder page/, as a browser gets them. They are read together at the first
 * call, so that they fit each other whatever happens to the package later.
 * @throws the error of node:fs if one cannot be read; the next call tries again
 */
export function pageFiles(): Promise<PageFiles> {
  reading ??= readAll().catch((error) => {
    reading = undefined;
    throw error;
  });
  return reading;
}

async function readAll(): Promise<PageFiles> {
  const read = async (name: string) => [
    name,
    await readFile(join(packageRoot, 'page', name), 'utf8'),
  ];
  return Object.fromEntries(await Promise.all(names.map(read)));
}

/** A page of the documentation, or one a folder deeper. */
const documentName = /^(?:[\w-]+\/)?[\w-]+\.md$/;

/**
 * A page of the package's folder docs/.
 * @param name below docs/, as in a URL
 * @returns its text; undefined if there is none
 * @throws the error of node:fs if it cannot be read
 */
export async function documentText(name: string): Promise<string | undefined> {
  if (!documentName.test(name)) return undefined;
  try {
    return await readFile(join(packageRoot, 'docs', name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Content Security Policy Level 3: a page loads what the gateway serves and nothing else; nobody may
 * frame it; a string never becomes markup or code (Trusted Types).
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Confine every response of the pages, errors too. Every response also has `no-store` and `nosniff`. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'Content-Security-Policy': policy,
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
};

/** What the front page says in a terminal and in a browser. */
export interface FrontView {
  /** The daemon's, or `unreachable`. */
  readonly state: string;
  readonly reason: string;
  /** This machine's. */
  readonly hostname: string;
  /** Who may ask, in a sentence. */
  readonly access: string;
  /** What is unsafe about this gateway, a sentence each. */
  readonly warnings: readonly string[];
  readonly examples: readonly Example[];
}

/** What the template is filled with when the page is requested; every text is escaped. */
export interface PageView extends FrontView {
  /** What the last seed was made from; may be empty. */
  readonly construction: string;
  /** Scheme, host and port, as the reader reaches the gateway. */
  readonly url: string;
}

/** States that the template describes. */
const knownStates = ['operational', 'degraded', 'fallback', 'seeding', 'error', 'unreachable'];

/**
 * Fills the template. Every `{{name}}` is replaced once: no text is taken for a template again.
 * @param template page/index.html
 * @param view any texts
 * @returns HTML in which the texts are nothing but text
 */
export function renderPage(template: string, view: PageView): string {
  const values: Record<string, string> = {
    state: knownStates.includes(view.state) ? view.state : 'unknown',
    title: escapeHtml(view.state),
    construction: escapeHtml(view.construction),
    reason: escapeHtml(causeOf(view.reason)),
    hostname: escapeHtml(view.hostname),
    access: escapeHtml(view.access),
    warnings: view.warnings.map(renderWarning).join(''),
    calls: view.examples.map((example) => renderExample(example, view.url)).join('\n'),
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '');
}

/** page.js makes the same. */
function renderWarning(text: string): string {
  return `<li><svg aria-hidden="true"><use href="#warning" /></svg>${escapeHtml(text)}</li>`;
}

/** A script replaces the URL with the browser's, which differs behind a proxy. */
function renderExample({ title, note, command, hasUrl }: Example, url: string): string {
  const origin = `<span data-origin>${escapeHtml(url)}</span>`;
  const parts = hasUrl ? command.split(url) : [command];
  const name = escapeHtml(title);
  return `<article class="card call">
<h3>${name}</h3>
<p>${escapeHtml(note)}</p>
<pre><code>${parts.map(escapeHtml).join(origin)}</code></pre>
<button type="button" data-copy hidden aria-label="Copy: ${name}">Copy</button>
</article>`;
}
