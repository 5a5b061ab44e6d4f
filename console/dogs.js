// The screen of the dogs and their owners.
import { book } from './book.js'
import { badge, element, icon, rowText, written } from './dom.js'
import { openEditor } from './editor.js'
import { pickerField } from './fields.js'
import { count, daysUntilBirthday, formatAge, formatDate, formatDays, formatNumber } from './format.js'
import { patience } from './forms.js'
import { attempt, confirm } from './overlays.js'
import { isProblem } from './problems.js'
import { dog, owner } from './resources.js'
import { actions, listScreen, notDeleted, panel, publicDogs, publicLink } from './screens.js'
import { currentUser, kennel } from './session.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */

/** In how many days a birthday is worth a word. */
const SOON = 14
/** How many dogs of the public page are shown beside the list. */
const SHOWN = 8
/** Milliseconds after a change until the public page is looked at again. */
const SETTLED = 2000

/** @param {'/dogs' | '/owners'} here */
function tabs(here) {
  const tab = (/** @type {string} */ path, /** @type {string} */ label) =>
    element('a', { href: `#${path}`, 'aria-current': path === here && 'page' }, label)
  return element(
    'nav',
    { class: 'tabs', 'aria-label': 'Dogs and owners' },
    tab('/dogs', 'Dogs'),
    tab('/owners', 'Owners'),
  )
}

// ---------------------------------------------------------------- dogs

/** @param {URLSearchParams} given in the address */
export function dogsScreen(given) {
  return listScreen({
    title: 'Dogs',
    path: '/dogs',
    given,
    kind: dog,
    none: 'No dogs yet.',
    sorts: [
      ['name', 'Name'],
      ['-born_on', 'Youngest'],
      ['born_on', 'Oldest'],
      ['-created_at', 'Added last'],
    ],
    filters: {
      owner_id: (id, onChoose) =>
        pickerField({
          name: 'owner_id',
          label: 'Owner, not co-owner',
          resource: 'owner',
          value: Number(id),
          all: 'All owners',
          onChoose,
        }),
    },
    tabs: tabs('/dogs'),
    aside: publicPage(),
    pages: (query) => kennel.pages('/dogowner/dogs', { query }),
    prepare: (rows) =>
      book.know(
        'owner',
        rows.flatMap(({ owner_id, co_owner_ids }) => [owner_id, ...co_owner_ids]),
      ),
    render: (row) => renderDog(/** @type {any} */ (row)),
    mentions: (row, { resource, id }) => resource === 'owner' && (row.owner_id === id || row.co_owner_ids.includes(id)),
  })
}

/** @param {Schemas['Dog']} row */
function renderDog(row) {
  const { born_on, owner_id, co_owner_ids } = row
  const days = born_on ? daysUntilBirthday(born_on) : Infinity
  const birthday = days <= SOON && badge('', icon('cake'), `Birthday ${formatDays(days)}`)
  const age = born_on && formatAge(born_on)
  const people = element('span', {}, nameOf(owner_id))
  for (const [index, id] of co_owner_ids.entries()) people.append(index ? ', ' : ' with ', nameOf(id))
  const facts = [born_on && `${age ? `${age}, born` : 'will be born'} ${formatDate(born_on)}`, people]
  const edit = () => void openEditor(dog, { id: row.id })
  const of = book.rows.owner.get(owner_id)?.name
  return [rowText([written(row.name), ' ', birthday], facts, edit), actions(row, dog, { of })]
}

/** @param {number} id */
const nameOf = (id) => written(book.rows.owner.get(id)?.name ?? '…')

// ---------------------------------------------------------------- owners

/** @param {URLSearchParams} given in the address */
export function ownersScreen(given) {
  return listScreen({
    title: 'Owners',
    path: '/owners',
    given,
    kind: owner,
    none: 'No owners yet.',
    sorts: [
      ['name', 'Name'],
      ['-created_at', 'Added last'],
    ],
    tabs: tabs('/owners'),
    pages: (query) => kennel.pages('/dogowner/owners', { query }),
    prepare: async () => {},
    render: (row) => renderOwner(/** @type {any} */ (row)),
    mentions: () => false,
  })
}

/** @param {Schemas['Owner']} row */
function renderOwner(row) {
  const dogs = { href: `#/dogs?owner_id=${row.id}`, 'aria-label': `Dogs of ${row.name}`, 'data-action': 'Dogs' }
  const since = `in the book since ${formatDate(row.created_at.slice(0, 10))}`
  return [
    rowText([written(row.name)], [element('a', dogs, 'Dogs'), since], () => void openEditor(owner, { id: row.id })),
    actions(row, owner, { remove: () => void removeOwner(row) }),
  ]
}

/** Deletes an owner; one who has dogs only with them, and not without asking. @param {Schemas['Owner']} row */
async function removeOwner(row) {
  const path = { owner_id: row.id }
  const send = (/** @type {boolean} */ force) =>
    book.write('owner', row.id, () =>
      kennel.delete('/dogowner/owners/{owner_id}', { path, query: { force }, signal: patience() }),
    )
  const ask = async () => {
    const total = async (/** @type {'primary' | 'co'} */ role) => {
      const query = { role, count: true, limit: 1 }
      const { headers } = await kennel.get('/dogowner/owners/{owner_id}/dogs', { path, query })
      return Number(headers.get('x-total-count'))
    }
    const [own, shared] = await Promise.all([total('primary'), total('co')])
    const dogs = count(own, 'dog')
    const text = [
      written(row.name),
      ` has ${dogs}. Delete them, too, with their tasks? Or give them another owner first.`,
      shared > 0 && ` ${count(shared, 'dog')} of somebody else will lose a co-owner.`,
      ' You can undo this.',
    ]
    if (await confirm(`Delete the owner and ${dogs}?`, text, 'Delete all')) await send(true)
  }
  const work = () =>
    send(false).catch((error) => {
      if (!isProblem(error, '/problems/owner-has-dogs')) throw error
      return ask()
    })
  await attempt(work, undefined, notDeleted(row.name))
}

// ---------------------------------------------------------------- the public page

/** What everybody sees, beside what only you see. */
function publicPage() {
  let timer = 0
  const { element: aside, load } = panel('aside', 'Public page', async () => {
    const username = currentUser()?.username ?? ''
    try {
      await kennel.get('/me/profile')
    } catch (error) {
      if (!isProblem(error, '/problems/not-found')) throw error
      const text = 'Nobody but you sees your dogs. With a public page everybody sees their names and ages.'
      return [element('p', {}, text), element('a', { href: '#/me' }, 'Make a public page')]
    }
    const path = { username }
    // A tag of no answer, so that the browser does not answer itself, as of a minute ago.
    const ifNoneMatch = /** @type {any} */ ('"none"')
    const [{ data: user }, { data: dogs }] = await Promise.all([
      kennel.get('/users/{username}', { path, ifNoneMatch }),
      kennel.get('/users/{username}/dogs', { path, query: { limit: SHOWN }, ifNoneMatch }),
    ])
    const rest = user.dogs_count - dogs.length
    return [
      element('p', { class: 'hint' }, 'Everybody sees this, up to a minute later:'),
      element('p', {}, written(user.description)),
      element('ul', { class: 'public' }, ...publicDogs(dogs)),
      rest > 0 && element('p', { class: 'faint' }, `and ${formatNumber(rest)} more`),
      ...publicLink(username),
      element('p', { class: 'links' }, element('a', { href: '#/me' }, 'Change it')),
    ]
  })
  const stop = book.changed.subscribe((changes) => {
    if (!changes.some(({ resource }) => resource === 'dog')) return
    clearTimeout(timer)
    timer = setTimeout(() => void load(), SETTLED)
  })
  const close = () => {
    clearTimeout(timer)
    stop()
  }
  return { element: aside, close }
}
