// The screen of the dogs and their owners.
import { book } from './book.js'
import './changes.js'
import { confirm } from './dialogs.js'
import { button, element, icon, rowButton, uniqueId, written } from './dom.js'
import { openEditor } from './editor.js'
import { count, daysUntilBirthday, formatAge, formatDate, formatDay, formatNumber } from './format.js'
import { openHistory } from './history.js'
import { LiveList } from './list.js'
import { tell } from './messages.js'
import { pickerField } from './picker.js'
import { explain, isProblem } from './problems.js'
import { dog, owner } from './resources.js'
import { currentUser, kennel } from './session.js'
import { patience } from './forms.js'
import { searchTools } from './tools.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {Record<string, any>} Query */

/** In how many days a birthday is worth a word. */
const SOON = 14
/** How many dogs of the public page are shown beside the list. */
const SHOWN = 8

/**
 * @param {URLSearchParams} query of the address
 * @param {string} path
 * @returns {import('./main.js').Screen}
 */
export function dogsScreen(query, path) {
  return path === '/owners' ? ownersScreen(query) : dogList(query)
}

/** @param {'/dogs' | '/owners'} here */
function tabs(here) {
  const tab = (/** @type {string} */ path, /** @type {string} */ label) =>
    element('a', { href: `#${path}`, 'aria-current': path === here && 'page' }, label)
  return element('nav', { class: 'tabs', 'aria-label': 'Dogs and owners' }, tab('/dogs', 'Dogs'), tab('/owners', 'Owners'))
}

// ---------------------------------------------------------------- dogs

/** @param {URLSearchParams} query */
function dogList(query) {
  const add = () => void openEditor(dog, { start: { owner_id: Number(query.get('owner_id')) || undefined } })
  const list = new LiveList({
    resource: 'dog',
    label: 'Dogs',
    pages: (query) => kennel.pages('/dogowner/dogs', { query }),
    prepare: (rows) => book.know('owner', rows.flatMap(({ owner_id, co_owner_ids }) => [owner_id, ...co_owner_ids])),
    render: (row) => renderDog(/** @type {any} */ (row)),
    mentions: (row, { resource, id }) => resource === 'owner' && (row.owner_id === id || row.co_owner_ids.includes(id)),
    empty: (query) => nothing(query, 'No dogs yet.', 'Add the first dog', add),
  })
  const ownerField = pickerField({
    name: 'owner_id',
    label: 'Owner',
    resource: 'owner',
    value: Number(query.get('owner_id')) || null,
    onChoose: (value) => tools.set('owner_id', value ?? undefined),
  })
  const tools = searchTools({
    query,
    path: '/dogs',
    sorts: [['name', 'Name'], ['-born_on', 'Youngest'], ['born_on', 'Oldest'], ['-created_at', 'Added last']],
    filters: ['owner_id'],
    extra: [ownerField.element],
    onChange: (query) => void list.show(query),
  })
  const aside = publicPage()
  return {
    title: 'Dogs',
    content: element('div', {},
      head('Dogs', tabs('/dogs'), addButton('Add dog', add)),
      element('div', { class: 'with-aside' }, element('section', { 'aria-label': 'Your dogs' }, tools.element, list.element), aside.element),
    ),
    close() {
      list.close()
      tools.close()
      aside.close()
    },
  }
}

/** @param {Schemas['Dog']} row */
function renderDog(row) {
  const birthday = row.born_on ? daysUntilBirthday(row.born_on) : Infinity
  const facts = element('div', { class: 'facts' })
  if (row.born_on) {
    const age = formatAge(row.born_on)
    facts.append(element('span', {}, age ? `${age}, born ${formatDate(row.born_on)}` : `to be born ${formatDate(row.born_on)}`))
  }
  const people = element('span', {}, nameOf(row.owner_id))
  if (row.co_owner_ids.length) people.append(' with ', ...row.co_owner_ids.flatMap((id, index) => (index ? [', ', nameOf(id)] : [nameOf(id)])))
  facts.append(people)
  const title = element('div', { class: 'title' }, written(row.name))
  if (birthday <= SOON) title.append(' ', element('span', { class: 'badge' }, icon('cake'), `Birthday ${formatDay(inDays(birthday))}`))
  return [element('div', {}, title, facts), actions(row, dog, () => void remove(dog, row))]
}

/** @param {number} id */
const nameOf = (id) => written(book.rows.owner.get(id)?.name ?? '…')

/** The day that is so many days from today. @param {number} days */
const inDays = (days) => {
  const now = new Date()
  return new Date(Date.UTC(now.getFullYear(), now.getMonth(), now.getDate() + days)).toISOString().slice(0, 10)
}

// ---------------------------------------------------------------- owners

/** @param {URLSearchParams} query */
function ownersScreen(query) {
  const add = () => void openEditor(owner)
  const list = new LiveList({
    resource: 'owner',
    label: 'Owners',
    pages: (query) => kennel.pages('/dogowner/owners', { query }),
    prepare: async () => {},
    render: (row) => [
      element('div', {},
        element('div', { class: 'title' }, written(row.name)),
        element('div', { class: 'facts' }, element('a', { href: `#/dogs?owner_id=${row.id}`, 'aria-label': `Dogs of ${row.name}`, 'data-action': 'Dogs' }, 'Dogs'),
          element('span', {}, `in the book since ${formatDate(row.created_at.slice(0, 10))}`))),
      actions(/** @type {any} */ (row), owner, () => void removeOwner(/** @type {any} */ (row))),
    ],
    mentions: () => false,
    empty: (query) => nothing(query, 'No owners yet.', 'Add the first owner', add),
  })
  const tools = searchTools({
    query,
    path: '/owners',
    sorts: [['name', 'Name'], ['-created_at', 'Added last']],
    filters: [],
    extra: [],
    onChange: (query) => void list.show(query),
  })
  return {
    title: 'Owners',
    content: element('div', {}, head('Owners', tabs('/owners'), addButton('Add owner', add)),
      element('section', { 'aria-label': 'Your owners' }, tools.element, list.element)),
    close() {
      list.close()
      tools.close()
    },
  }
}

/** Deletes an owner; one who has dogs only with them, and not without asking. @param {Schemas['Owner']} row */
async function removeOwner(row) {
  const path = { owner_id: row.id }
  try {
    await book.write('owner', row.id, () => kennel.delete('/dogowner/owners/{owner_id}', { path, signal: patience() }))
  } catch (error) {
    if (!isProblem(error, '/problems/owner-has-dogs')) return tellFailure(error, () => void removeOwner(row))
    try {
      const query = { role: /** @type {const} */ ('primary'), count: true, limit: 1 }
      const { headers } = await kennel.get('/dogowner/owners/{owner_id}/dogs', { path, query })
      const dogs = count(Number(headers.get('x-total-count')), 'dog')
      const text = [written(row.name), ` has ${dogs}. Delete them, too, with their tasks? Or keep them: give them another owner first.`]
      if (!(await confirm(`Delete the owner and ${dogs}?`, text, `Delete all`))) return
      await book.write('owner', row.id, () =>
        kennel.delete('/dogowner/owners/{owner_id}', { path, query: { force: true }, signal: patience() }))
    } catch (error) {
      tellFailure(error, () => void removeOwner(row))
    }
  }
}

// ---------------------------------------------------------------- what rows have in common

/**
 * The buttons of a row.
 *
 * @param {{ id: number, name: string }} row
 * @param {import('./resources.js').RowKind} kind
 * @param {() => void} onDelete
 */
export function actions({ id, name }, kind, onDelete) {
  return element('div', { class: 'actions' },
    rowButton('edit', 'Edit', name, () => void openEditor(kind, { id })),
    rowButton('history', 'History', name, () => void openHistory({ resource: kind.resource, id, name })),
    rowButton('delete', 'Delete', name, onDelete))
}

/**
 * Deletes a row without asking, as the message that tells of it takes it back.
 *
 * @param {import('./resources.js').Kind} kind
 * @param {{ id: number }} row
 */
export async function remove(kind, row) {
  try {
    await book.write(kind.resource, row.id, () => kind.remove(row.id))
  } catch (error) {
    // Somebody else was faster, or the first try was done, though no answer came.
    if (!isProblem(error, '/problems/not-found')) tellFailure(error, () => void remove(kind, row))
  }
}

/**
 * @param {unknown} error
 * @param {() => void} again
 */
export function tellFailure(error, again) {
  tell([explain(error).text], [{ label: 'Try again', run: again }], { isProblem: true })
}

/**
 * The first line of a screen.
 *
 * @param {string} title
 * @param {...HTMLElement} more
 */
export const head = (title, ...more) => element('div', { class: 'head' }, element('h1', { tabindex: '-1' }, title), ...more)

/**
 * @param {string} label
 * @param {() => void} onclick
 */
export const addButton = (label, onclick) => element('button', { type: 'button', class: 'primary', onclick }, icon('add'), label)

/**
 * What stands where nothing is found.
 *
 * @param {Query} query
 * @param {string} none
 * @param {string} label
 * @param {() => void} add
 */
export function nothing(query, none, label, add) {
  const isSearch = Object.entries(query).some(([key, value]) => key !== 'sort' && value !== undefined && value !== '' && key !== 'completed')
  return element('div', { class: 'empty' }, element('p', {}, isSearch ? 'Nothing is found.' : none), !isSearch && addButton(label, add))
}

// ---------------------------------------------------------------- the public page

/** What everybody sees, beside what only you see. */
function publicPage() {
  const id = uniqueId('public')
  const content = element('div', {}, element('p', { class: 'hint' }, 'Loading…'))
  const panel = element('aside', { class: 'panel', 'aria-labelledby': id }, element('h2', { id }, 'Public page'), content)
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer

  async function load() {
    const username = currentUser()?.username ?? ''
    try {
      await kennel.get('/me/profile')
      const path = { username }
      const [{ data: user }, { data: dogs }] = await Promise.all([
        kennel.get('/users/{username}', { path }),
        kennel.get('/users/{username}/dogs', { path, query: { limit: SHOWN } }),
      ])
      const rest = user.dogs_count - dogs.length
      content.replaceChildren(
        element('p', {}, 'Everybody sees this, up to a minute later:'),
        element('p', {}, written(user.description)),
        element('ul', { class: 'public' }, ...dogs.map(({ name, age }) =>
          element('li', {}, written(name), element('span', { class: 'faint' }, age === null ? '' : age === 0 ? 'puppy' : count(age, 'year'))))),
        rest > 0 ? element('p', { class: 'faint' }, `and ${formatNumber(rest)} more`) : '',
        element('p', { class: 'links' }, element('a', { href: `/users/${username}` }, `/users/${username}`), element('a', { href: '#/me' }, 'Change it')),
      )
    } catch (error) {
      if (isProblem(error, '/problems/not-found'))
        content.replaceChildren(element('p', {}, 'Nobody but you sees your dogs. With a public page everybody sees their names and ages.'),
          element('p', { class: 'links' }, element('a', { href: '#/me' }, 'Make a public page')))
      else content.replaceChildren(element('p', { class: 'hint' }, `${explain(error).text} `), button('Try again', () => void load()))
    }
  }
  const stop = book.changed.subscribe((changes) => {
    if (!changes.some(({ resource }) => resource === 'dog')) return
    clearTimeout(timer)
    timer = setTimeout(() => void load(), 2000)
  })
  void load()
  return {
    element: panel,
    close() {
      clearTimeout(timer)
      stop()
    },
  }
}
