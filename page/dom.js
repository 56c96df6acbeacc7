/** Elements and their texts. Data becomes text nodes and attributes, never markup. */

/**
 * The element with an id that the page has.
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
 * A new element of SVG.
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
 * Sets a text where it differs, so that a selection and a screen reader are left alone.
 * @param {Element} where
 * @param {string} text
 */
export function setText(where, text) {
  if (where.textContent !== text) where.textContent = text;
}

/** What a container was last filled with. @type {WeakMap<Element, string>} */
const filled = new WeakMap();

/**
 * Fills a container anew where the data differ from the last ones.
 * @param {Element} where
 * @param {unknown} data all that `make` depends on
 * @param {() => Node[]} make
 */
export function fill(where, data, make) {
  const key = JSON.stringify(data);
  if (filled.get(where) === key) return;
  filled.set(where, key);
  where.replaceChildren(...make());
}

/**
 * Names and values in a `dl`.
 * @param {Element} where
 * @param {readonly (readonly [string, string])[]} facts those with an empty value are left out
 */
export function showTerms(where, facts) {
  const told = facts.filter(([, value]) => value !== '');
  const names = told.map(([name]) => name);
  fill(where, names, () => names.flatMap((name) => [element('dt', {}, name), element('dd', {})]));
  for (const [i, value] of where.querySelectorAll('dd').entries())
    setText(value, told[i]?.[1] ?? '');
}
