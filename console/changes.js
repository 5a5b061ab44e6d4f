// What became of the book, in words: in messages as it happens, and in a history. Both take it back.
import { book } from './book.js'
import { button, element, find, present, written } from './dom.js'
import { newKey } from './editor.js'
import { count, formatAgo, formatDate, formatMoment } from './format.js'
import { patience } from './forms.js'
import { openDialog, tell } from './overlays.js'
import { explain } from './problems.js'
import { currentUser, kennel } from './session.js'

/** @typedef {import('./book.js').Change} Change */
/** @typedef {import('./dom.js').Child} Child */

/** More operations than this at once are told in one message. */
const MOST = 3
/** How many changes a history shows at once. */
const PAGE = 20
const together = new Intl.ListFormat('en')

const dateOr = (/** @type {string} */ none) => (/** @type {any} */ value) => (value ? formatDate(value) : none)
const nameOf = (/** @type {'owner' | 'dog'} */ resource, /** @type {any} */ id) =>
  id ? written(book.rows[resource].get(id)?.name ?? 'somebody who is gone') : 'none'

/** The fields whose changes are told: how they are called, and how a value is shown. */
/** @type {Record<string, [string, (value: any) => Child]>} */
const FIELDS = {
  name: ['name', (value) => written(`${value}`)],
  born_on: ['birthday', dateOr('unknown')],
  owner_id: ['owner', (value) => nameOf('owner', value)],
  co_owner_ids: ['co-owners', (value) => element('span', {}, ...listed(value ?? []))],
  dog_id: ['dog', (value) => nameOf('dog', value)],
  due_on: ['due day', dateOr('none')],
}

/** @param {number[]} ids @returns {Child[]} */
const listed = (ids) => (ids.length ? ids.flatMap((id, index) => [index > 0 && ', ', nameOf('owner', id)]) : ['nobody'])

/**
 * What a change did. `before` has the fields that were changed, as they were, and `after` the row as it was then.
 *
 * @param {Change} change
 * @param {Record<string, any> | null} before
 * @param {Record<string, any> | null} after
 * @returns {Child[]}
 */
function describe({ resource, action, id, undoes }, before, after) {
  const kind = { owner: 'Owner ', dog: 'Dog ', task: 'Task ' }[resource]
  const name = written(after?.name ?? before?.name ?? `${id}`)
  if (action === 'created') return [kind, name, undoes === null ? ' was added.' : ' is back.']
  if (action === 'deleted') return [kind, name, ' was deleted.']
  /** @type {Child[][]} */
  const parts = []
  if (before && 'completed' in before) parts.push([before.completed ? 'open again' : 'done'])
  for (const [field, [label, show]] of Object.entries(FIELDS)) {
    if (before && field in before) parts.push([label, ' ', show(after?.[field]), ' (was ', show(before[field]), ')'])
  }
  if (!parts.length) parts.push(['changed'])
  return [kind, name, ': ', ...parts.flatMap((part, index) => [index > 0 && ', ', ...part]), '.']
}

/**
 * Takes a change back, with all of the same operation, and tells if that cannot be done.
 *
 * @param {Change} change
 * @param {string} [idempotencyKey] of the try before, which got no answer
 */
async function undo(change, idempotencyKey = newKey()) {
  try {
    await sendUndo(change.seq, idempotencyKey)
  } catch (error) {
    const { text, isUnanswered } = explain(error)
    const again = { label: 'Try again', run: () => void undo(change, idempotencyKey) }
    const history = { label: 'History', run: () => void openHistory(change) }
    tell([text], [isUnanswered ? again : history], { isProblem: true })
  }
}

/**
 * @param {number} seq
 * @param {string} idempotencyKey
 */
const sendUndo = (seq, idempotencyKey) =>
  book.write('owner', undefined, () =>
    kennel.post('/dogowner/changes/{seq}/undo', { path: { seq }, idempotencyKey, signal: patience() }),
  )

/** The rows that changes mention, so that they can be called by their names. @param {Change[]} changes */
async function knowMentioned(changes) {
  const rows = changes.flatMap(({ was, row }) => /** @type {any[]} */ (present(/** @type {any[]} */ ([was, row]))))
  await Promise.all([
    book.know(
      'owner',
      rows.flatMap(({ owner_id, co_owner_ids }) => [owner_id, ...(co_owner_ids ?? [])]),
    ),
    book.know(
      'dog',
      rows.map(({ dog_id }) => dog_id),
    ),
  ]).catch(() => {})
}

/** What an operation on several rows did. @param {Change[]} changes @returns {Child[]} */
function summarise(changes) {
  const [{ action, undoes }] = changes
  const isSame = changes.every((change) => change.action === action)
  const done = { created: undoes === null ? 'added' : 'brought back', updated: 'changed', deleted: 'deleted' }[
    isSame ? action : 'updated'
  ]
  const of = (/** @type {string} */ resource) => changes.filter((change) => change.resource === resource)
  const amounts = (/** @type {string[]} */ resources) =>
    together.format(resources.filter((one) => of(one).length).map((one) => count(of(one).length, one)))
  // An owner with dogs, or a dog with tasks: it is about the one, and the others went with it.
  const kind = ['owner', 'dog', 'task'].find((one) => of(one).length) ?? ''
  if (of(kind).length === 1) {
    const [main] = of(kind)
    const rest = amounts(['dog', 'task'].filter((one) => one !== kind))
    const name = written(/** @type {any} */ (main.row ?? main.was)?.name ?? '')
    return [name, ` was ${done}`, rest && `, with ${rest}`, '.']
  }
  return [`${amounts(['owner', 'dog', 'task'])} were ${done}.`]
}

/**
 * Opens the history of a row; of the whole book, if there is none.
 *
 * @param {{ resource: import('./book.js').Resource, id: number, name?: string }} [of]
 */
export async function openHistory(of) {
  const list = element('ol', { class: 'history' })
  const status = element('p', { class: 'hint', role: 'status' }, 'Loading…')
  const more = button('Show more', () => void load(), { hidden: true })
  const title = of?.name ? ['History of ', written(of.name)] : ['Recent changes']
  const { dialog } = openDialog(title, [list, status, element('div', { class: 'more' }, more)], { isWide: true })
  // What a change led to is where the next one began.
  /** @type {Map<string, any>} */
  let states = new Map()
  /** @type {number | undefined} */
  let before
  let turn = 0

  async function load() {
    const own = ++turn
    const row = of ? { resource: of.resource, id: of.id } : {}
    try {
      const query = { ...row, sort: /** @type {const} */ ('-seq'), limit: PAGE, ...(before ? { before } : {}) }
      const { data: changes } = await kennel.get('/dogowner/changes', { query })
      await knowMentioned(changes)
      if (own !== turn) return
      list.append(...changes.map(show))
      before = changes.at(-1)?.seq
      more.hidden = changes.length < PAGE
      status.textContent = list.children.length ? '' : 'Nothing is known of before.'
    } catch (error) {
      if (own !== turn) return
      status.replaceChildren(
        `${explain(error).text} `,
        button('Try again', () => void load()),
      )
    }
  }

  /** @param {Change} change */
  function show(change) {
    const key = `${change.resource} ${change.id}`
    const after = states.has(key) ? states.get(key) : change.row
    const earlier = change.action === 'created' ? null : { ...after, ...change.was }
    states.set(key, earlier)
    const what = describe(change, change.was, after)
    const text = element('p', {}, change.undoes !== null && 'Taken back: ', ...what)
    const time = element(
      'time',
      { datetime: change.at, title: formatMoment(change.at) },
      `${formatAgo(change.at)}, ${formatMoment(change.at)}`,
    )
    const item = element('li', {}, element('div', {}, text, time))
    const problem = element('p', { class: 'alert', role: 'alert' })
    let idempotencyKey = newKey()
    const undo = async () => {
      problem.textContent = ''
      back.setAttribute('aria-disabled', 'true')
      try {
        await sendUndo(change.seq, idempotencyKey)
        idempotencyKey = newKey()
      } catch (error) {
        problem.textContent = explain(error).text
      } finally {
        back.removeAttribute('aria-disabled')
      }
    }
    const back = button('Undo', () => !back.hasAttribute('aria-disabled') && void undo(), {
      'aria-label': `Undo: ${text.textContent}`,
    })
    item.append(back, problem)
    return item
  }

  // What changes meanwhile, by this dialog's own buttons, too, begins the list anew.
  const stop = book.changed.subscribe((changes) => {
    if (!dialog.isConnected) return stop()
    if (of && !changes.some(({ resource, id }) => resource === of.resource && id === of.id)) return
    const hadFocus = list.contains(document.activeElement)
    states = new Map()
    before = undefined
    void load().then(() => hadFocus && find('button', list)?.focus())
    list.replaceChildren()
  })
  await load()
}

// A long operation may come in pieces, and has one message all the same.
/** @type {Map<number, { changes: Change[], message: ReturnType<typeof tell> }>} */
const told = new Map()

/** @param {Change[]} changes */
async function tellChanges(changes) {
  const user = currentUser()?.id
  const isOwn = await book.isOwn(changes)
  await knowMentioned(changes.slice(0, 50))
  // Somebody else may have logged in meanwhile.
  if (currentUser()?.id !== user) return
  const batches = /** @type {Map<number, Change[]>} */ (new Map())
  for (const change of changes) {
    const batch = batches.get(change.batch)
    if (batch) batch.push(change)
    else batches.set(change.batch, [change])
  }
  if (batches.size > MOST) {
    tell(
      [`${isOwn ? '' : 'Elsewhere: '}${count(batches.size, 'change')}.`],
      [{ label: 'Show', run: () => void openHistory() }],
    )
    return
  }
  for (const [batch, part] of batches) {
    const before = told.get(batch)
    const all = [...(before?.changes ?? []), ...part]
    const [first] = all
    const isOne = all.length === 1
    const what = isOne ? describe(first, first.was, first.row) : summarise(all)
    const content = [
      !(await book.isOwn(all)) && element('span', {}, 'Elsewhere: '),
      first.undoes !== null && 'Taken back: ',
      ...what,
    ]
    if (before?.message.message.isConnected) {
      before.changes = all
      before.message.setText(content)
      continue
    }
    const message = tell(content, [
      { label: first.undoes === null ? 'Undo' : 'Do it again', run: () => void undo(first) },
    ])
    told.set(batch, { changes: all, message })
  }
  // Those whose message is gone need not be known any more.
  for (const [batch, { message }] of told) if (!message.message.isConnected) told.delete(batch)
}

book.changed.subscribe((changes) => void tellChanges(changes))
