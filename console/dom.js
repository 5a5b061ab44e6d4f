// Elements are made here and nowhere else. Text becomes a text node, never markup, so a name is only ever a name.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Makes an element: `element('button', { type: 'button', onclick: save }, 'Save')`. A function listens, `true` is an
 * attribute without a value, and what is `false`, `null` or `undefined` is left out, among the children, too.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue
    if (typeof value === 'function') made.addEventListener(name.slice(2), /** @type {EventListener} */ (value))
    else made.setAttribute(name, value === true ? '' : `${value}`)
  }
  made.append(...present(children))
  return made
}

/** @param {Child[]} children @returns {(Node | string)[]} */
export function present(children) {
  return children.filter((child) => child !== null && child !== undefined && child !== false)
}

/**
 * A button that does something and sends no form.
 *
 * @param {string} label
 * @param {(event: MouseEvent) => void} onclick
 * @param {Record<string, unknown>} [attributes]
 */
export function button(label, onclick, attributes = {}) {
  return element('button', { type: 'button', onclick, ...attributes }, label)
}

/**
 * A button with a picture, whose words are there for who cannot see it, and on wide screens for all.
 *
 * @param {string} picture
 * @param {string} label
 * @param {string} of what it is about, which makes it another button than the one of the next row
 * @param {() => void} onclick
 */
export function rowButton(picture, label, of, onclick) {
  const attributes = {
    type: 'button',
    class: 'row-button',
    'data-action': label,
    'aria-label': `${label} ${of}`,
    title: label,
  }
  return element('button', { ...attributes, onclick }, icon(picture))
}

/**
 * What a row says: its title, and below it some facts.
 *
 * @param {Child[]} title
 * @param {Child[]} facts
 * @param {() => void} [onclick] of the title, for who has a pointer: a button beside it does the same
 */
export function rowText(title, facts, onclick) {
  const spans = present(facts).map((fact) => element('span', {}, fact))
  return element(
    'div',
    {},
    element('div', { class: 'title', onclick }, ...title),
    element('div', { class: 'facts' }, ...spans),
  )
}

/**
 * A word that stands out.
 *
 * @param {string} kind
 * @param {...Child} content
 */
export const badge = (kind, ...content) => element('span', { class: `badge ${kind}` }, ...content)

/** @param {string} name of a symbol of the page */
export function icon(name) {
  const space = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(space, 'svg')
  const use = document.createElementNS(space, 'use')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  use.setAttribute('href', `#icon-${name}`)
  svg.append(use)
  return svg
}

/**
 * What a person has written, kept apart from the words around it whichever way it runs.
 *
 * @param {string} text
 */
export function written(text) {
  return element('bdi', { class: 'written' }, text)
}

let ids = 0
/**
 * An id that nothing else on the page has.
 *
 * @param {string} prefix
 */
export const uniqueId = (prefix) => `${prefix}-${++ids}`

/**
 * The element with an id that the page is known to have.
 *
 * @param {string} id
 */
export function byId(id) {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no #${id}`)
  return found
}

/**
 * The first element that a selector finds.
 *
 * @param {string} selector
 * @param {ParentNode} [within]
 * @returns {HTMLElement | null}
 */
export const find = (selector, within = document) => within.querySelector(selector)

/** Moves the focus to the heading of the screen, as after a change of screens, or when what had it is gone. */
export function focusScreen() {
  ;(find('#main h1') ?? byId('main')).focus()
}
