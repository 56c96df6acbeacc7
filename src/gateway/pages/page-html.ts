/** The page's HTML: its template with what is known when it is asked for, all of it escaped. */
import type { Call } from './calls.js';

/** What the template is filled with. */
export interface PageView {
  /** Of the daemon, or `unreachable`. */
  readonly state: string;
  readonly reason: string;
  /** Scheme, host and port, as the reader reaches the gateway. */
  readonly url: string;
  /** Who is let in, in a sentence. */
  readonly access: string;
  readonly calls: readonly Call[];
}

/** States for which the template has words. */
const knownStates = ['operational', 'degraded', 'fallback', 'seeding', 'error', 'unreachable'];

/**
 * Fills the template. Every `{{name}}` is replaced once: no text is a template again.
 * @param template page/index.html
 * @param view any texts
 * @returns HTML in which the texts are text
 */
export function renderPage(template: string, view: PageView): string {
  const values: Record<string, string> = {
    state: knownStates.includes(view.state) ? view.state : 'unknown',
    title: escapeHtml(view.state),
    reason: escapeHtml(view.reason),
    host: escapeHtml(view.url.replace(/^https?:\/\//, '')),
    access: escapeHtml(view.access),
    calls: view.calls.map((call) => renderCall(call, view.url)).join('\n'),
  };
  return template.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values[name] ?? '');
}

/** A script replaces the URL by the one that the browser has, which differs behind a proxy. */
function renderCall({ title, note, command, hasUrl }: Call, url: string): string {
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

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For the content of an element, and for an attribute's value in quotes. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}
