/** Creates and updates elements. Data becomes text nodes and attributes, never markup. */

/**
 * The element with an id, which must exist.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * A new element.
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * A new SVG element.
 * @param {string} name
 * @param {Record<string, string>} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/**
 * Sets a text if it differs: rewriting it would lose selections and make screen readers repeat it.
 * @param {Element} where
 * @param {string} text
 */
export function setText(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/** The data that a container was last filled with. @type {WeakMap<Element, string>} */
const filled = new WeakMap();

/**
 * Refills a container if the data changed.
 * @param {Element} where
 * @param {unknown} data everything that `make` depends on
 * @param {() => Node[]} make
 */
export function fill(where, data, make) {
  const key = JSON.stringify(data);
  if (filled.get(where) === key) return;
  filled.set(where, key);
  where.replaceChildren(...make());
}

/**
 * Shows names and values.
 * @param {Element} where a `dl`
 * @param {readonly (readonly [string, string])[]} facts entries with an empty value are left out
 */
export function showTerms(where, facts) {
  const shown = facts.filter(([, value]) => value !== '');
  const names = shown.map(([name]) => name);
  fill(where, names, () => names.flatMap((name) => [element('dt', {}, name), element('dd', {})]));
  for (const [i, value] of where.querySelectorAll('dd').entries())
    setText(value, shown[i]?.[1] ?? '');
}
