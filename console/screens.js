// What the screens of lists have in common: a heading, what adds to the list, and what it is searched and sorted by.
import { book } from './book.js'
import { openHistory } from './changes.js'
import { button, element, icon, present, rowButton, uniqueId, written } from './dom.js'
import { openEditor } from './editor.js'
import { choiceField, textField } from './fields.js'
import { count } from './format.js'
import { LiveList } from './list.js'
import { attempt } from './overlays.js'
import { explain } from './problems.js'

/** @typedef {import('./fields.js').Field} Field */
/** @typedef {import('./resources.js').RowKind} RowKind */
/** @typedef {Record<string, any>} Query */

/** Milliseconds without another letter after which is searched. */
const TYPED = 250

/**
 * A list with all that is around it. What is searched stands in the address, too, so that going back finds it again.
 *
 * @typedef {object} ScreenOptions
 * @property {string} title
 * @property {string} path of the address
 * @property {URLSearchParams} given in the address
 * @property {RowKind} kind
 * @property {string} none what is said where there is nothing yet
 * @property {[value: string, label: string][]} sorts the first is the usual one
 * @property {Record<string, (value: any, set: (value: any) => void) => Field>} [filters] the fields of parameters
 * @property {HTMLElement} [tabs]
 * @property {{ element: HTMLElement, close: () => void }} [aside]
 */

/**
 * @param {ScreenOptions & Omit<import('./list.js').ListOptions, 'resource' | 'label' | 'empty'>} options
 * @returns {import('./main.js').Screen}
 */
export function listScreen({ title, path, given, kind, none, sorts, filters = {}, tabs, aside, ...options }) {
  /** @type {Query} */
  const values = { sort: sorts[0][0] }
  for (const [name, value] of given) values[name] = value
  let timer = 0

  const add = () => {
    // What is looked at is what is added to.
    const ids = Object.keys(filters).map((name) => [name, Number(values[name]) || null])
    void openEditor(kind, { start: Object.fromEntries(ids) })
  }
  const list = new LiveList({ resource: kind.resource, label: title, empty, ...options })

  /** @param {Query} query */
  function empty({ sort, ...query }) {
    const isSearch = Object.values(query).some(Boolean)
    const found = query.q ? [`No ${kind.resource} has “`, written(query.q), '” in its name.'] : ['Nothing is found.']
    const text = element('p', {}, ...(isSearch ? found : [none]))
    return element('div', { class: 'empty' }, text, !isSearch && addButton(`Add the first ${kind.resource}`, add))
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  function set(name, value) {
    values[name] = value
    const said = Object.entries(values).filter(([name, value]) => value && !(name === 'sort' && value === sorts[0][0]))
    const search = said.length ? `?${new URLSearchParams(said)}` : ''
    history.replaceState(null, '', `#${path}${search}`)
    show()
  }

  function show() {
    const said = Object.entries(values).filter(([, value]) => value)
    void list.show({ ...Object.fromEntries(said), sort: [values.sort] })
  }

  const search = textField({
    name: 'q',
    label: `Search ${kind.resource}s by name`,
    type: 'search',
    value: values.q,
    attributes: { maxlength: 255, autocomplete: 'off', dir: 'auto' },
  })
  search.control.addEventListener('input', () => {
    clearTimeout(timer)
    timer = setTimeout(() => set('q', search.read().trim()), TYPED)
  })
  const sort = choiceField({ name: 'sort', label: 'Sort by', choices: sorts, value: values.sort })
  sort.control.addEventListener('change', () => set('sort', sort.read()))
  const fields = Object.entries(filters).map(([name, make]) => make(values[name], (value) => set(name, value)))
  const tools = element('search', { class: 'tools' }, ...[search, ...fields, sort].map((field) => field.element))
  const section = element('section', { 'aria-label': title }, tools, list.element)
  show()
  return {
    title,
    content: element(
      'div',
      {},
      head(title, tabs, addButton(`Add ${kind.resource}`, add)),
      aside ? element('div', { class: 'with-aside' }, section, aside.element) : section,
    ),
    close() {
      clearTimeout(timer)
      list.close()
      aside?.close()
    },
  }
}

/**
 * The first line of a screen.
 *
 * @param {string} title
 * @param {...import('./dom.js').Child} more
 */
export const head = (title, ...more) =>
  element('div', { class: 'head' }, element('h1', { tabindex: '-1' }, title), ...more)

/**
 * @param {string} label
 * @param {() => void} onclick
 */
export const addButton = (label, onclick) =>
  element('button', { type: 'button', class: 'primary', onclick }, icon('add'), label)

/** @param {string} name */
export const notDeleted = (name) => [written(name), ' was not deleted. ']

/**
 * The buttons of a row. It is deleted without being asked for, as the message that tells of it takes it back.
 *
 * @param {{ id: number, name: string }} row
 * @param {RowKind} kind
 * @param {{ remove?: () => void, of?: string }} [options] `of` tells it from another one with its name
 */
export function actions({ id, name }, kind, { remove, of } = {}) {
  const called = of ? `${name} of ${of}` : name
  const removeIt = () =>
    void attempt(() => book.write(kind.resource, id, () => kind.remove(id)), undefined, notDeleted(name))
  return element(
    'div',
    { class: 'actions' },
    rowButton('edit', 'Edit', called, () => void openEditor(kind, { id })),
    rowButton('history', 'History', called, () => void openHistory({ resource: kind.resource, id, name })),
    rowButton('delete', 'Delete', called, remove ?? removeIt),
  )
}

/**
 * A button that copies what an element says, and what tells whether it could.
 *
 * @param {string} label
 * @param {HTMLElement} source
 * @param {Record<string, unknown>} [attributes]
 */
export function copyButton(label, source, attributes) {
  const status = element('span', { class: 'hint', role: 'status' })
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(source.textContent ?? '')
      status.textContent = 'Copied.'
    } catch {
      getSelection()?.selectAllChildren(source)
      status.textContent = 'The browser does not let this page copy. It is selected: copy it yourself.'
    }
  }
  return [button(label, () => void copy(), attributes), status]
}

/**
 * Where everybody sees somebody's dogs.
 *
 * @param {string} username
 */
export const publicAddress = (username) => `${location.origin}/app#/users/${username}`

/**
 * The link to a public page, and what copies its address.
 *
 * @param {string} username
 */
export function publicLink(username) {
  const link = element('a', { href: `#/users/${username}` }, publicAddress(username))
  return [element('p', {}, link), element('div', { class: 'buttons' }, ...copyButton('Copy the address', link))]
}

/**
 * The rows of dogs as everybody sees them.
 *
 * @param {{ name: string, age: number | null }[]} dogs
 */
export const publicDogs = (dogs) =>
  dogs.map(({ name, age }) => {
    const years = age === null ? '' : age === 0 ? 'puppy' : count(age, 'year')
    return element('li', {}, written(name), element('span', { class: 'faint' }, years))
  })

/**
 * A part of a screen that reads what it shows, and tells if that cannot be done.
 *
 * @param {'section' | 'aside'} tag
 * @param {string} title
 * @param {() => Promise<import('./dom.js').Child[]>} read
 */
export function panel(tag, title, read) {
  const id = uniqueId('panel')
  const heading = element('h2', { id, tabindex: '-1' }, title)
  const content = element('div', { class: 'panel-content' }, element('p', { class: 'hint' }, 'Loading…'))
  async function load() {
    const hadFocus = content.contains(document.activeElement)
    try {
      content.replaceChildren(...present(await read()))
    } catch (error) {
      content.replaceChildren(
        explain(error).text,
        button('Try again', () => void load()),
      )
    }
    if (hadFocus) heading.focus()
  }
  void load()
  return { element: element(tag, { class: 'panel', 'aria-labelledby': id }, heading, content), load }
}
