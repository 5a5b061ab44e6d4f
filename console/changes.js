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

/** The fields whose changes are told beside the name: how they are called, and how a value is shown. */
/** @type {Record<string, [string, (value: any) => Child]>} */
const FIELDS = {
  born_on: ['birthday', dateOr('unknown')],
  owner_id: ['owner', (value) => nameOf('owner', value)],
  co_owner_ids: ['co-owners', (value) => element('span', {}, ...listed(value ?? []))],
  dog_id: ['dog', (value) => nameOf('dog', value)],
  due_on: ['due day', dateOr('none')],
}

/** How things are after changes, of one row and of several: at first, and when something was taken back. */
const STATES = {
  created: [
    ['was added', 'were added'],
    ['is back', 'are back'],
  ],
  updated: [
    ['was changed', 'were changed'],
    ['was changed back', 'were changed back'],
  ],
  deleted: [
    ['was deleted', 'were deleted'],
    ['is gone again', 'are gone again'],
  ],
}

/** @param {Change} change @param {boolean} [areMany] */
const state = ({ action, undoes }, areMany = false) => STATES[action][undoes === null ? 0 : 1][areMany ? 1 : 0]

/** @param {number[]} ids @returns {Child[]} */
const listed = (ids) => (ids.length ? ids.flatMap((id, index) => [index > 0 && ', ', nameOf('owner', id)]) : ['nobody'])

/**
 * What an operation did, and how it is now: `was` has the fields that were changed, as they were, and `row` the row as
 * it was then.
 *
 * @param {Change[]} changes
 * @returns {Child[]}
 */
function describe(changes) {
  if (changes.length > 1) return summarise(changes)
  const [change] = changes
  const { resource, action, id, undoes } = change
  const was = /** @type {Record<string, any> | null} */ (change.was)
  const row = /** @type {Record<string, any> | null} */ (change.row)
  const title = [{ owner: 'Owner ', dog: 'Dog ', task: 'Task ' }[resource], written(was?.name ?? row?.name ?? `${id}`)]
  if (action !== 'updated' || !was) return [...title, ` ${state(change)}.`]
  const again = undoes !== null && ' again'
  /** @type {Child[][]} */
  const said = []
  if ('name' in was) said.push([again ? 'is called ' : 'was renamed to ', written(`${row?.name}`), again])
  if ('completed' in was) said.push([was.completed ? 'is open again' : 'is done', !was.completed && again])
  const facts = Object.entries(FIELDS)
    .filter(([field]) => field in was)
    .map(([field, [label, show]]) =>
      [label, ' ', show(row?.[field]), again || [' (was ', show(was[field]), ')']].flat(),
    )
  if (!said.length && !facts.length) said.push([state(change)])
  const joined = (/** @type {Child[][]} */ parts, /** @type {string} */ by) =>
    parts.flatMap((part, index) => [index > 0 && by, ...part])
  return [
    ...title,
    said.length ? ' ' : ': ',
    ...joined(said, ' and '),
    said.length > 0 && facts.length > 0 && ', ',
    ...joined(facts, ', '),
    '.',
  ]
}

/** What each batch took back, by their numbers, as far as it was seen. @type {Map<number, number | null>} */
const undoes = new Map()

/**
 * Whether an operation took another one back, rather than did again what had been taken back.
 *
 * @param {number} batch
 * @returns {boolean}
 */
function isUndo(batch) {
  const of = undoes.get(batch) ?? null
  return of !== null && !isUndo(of)
}

/**
 * Whether each row is as an operation left it: what came after was taken back.
 *
 * @param {number} batch
 * @param {Change[]} changes from the operation on, the first one first
 */
function canUndo(batch, changes) {
  /** @type {Map<string, { batches: number[], seen?: number }>} */
  const rows = new Map()
  for (const { batch: own, resource, id, undoes, was } of changes) {
    const key = `${resource} ${id}`
    const later = rows.get(key)
    if (own === batch) rows.set(key, { batches: [] })
    if (own === batch || !later || later.seen === own) continue
    later.seen = own
    if (undoes !== null && later.batches.at(-1) === undoes) later.batches.pop()
    else if (!was || Object.keys(was).length) later.batches.push(own)
  }
  return [...rows.values()].every(({ batches }) => !batches.length)
}

/** Changes by their operations, which stay in their order. @param {Change[]} changes */
function batchesOf(changes) {
  const batches = /** @type {Map<number, Change[]>} */ (new Map())
  for (const change of changes) {
    const batch = batches.get(change.batch)
    if (batch) batch.push(change)
    else batches.set(change.batch, [change])
    undoes.set(change.batch, change.undoes)
  }
  return batches
}

/** A problem in words, with the rows called by their names, where those are known. @param {unknown} error */
const explained = (error) =>
  explain(error).text.replace(
    /\b(owner|dog) (\d+)/g,
    (all, resource, id) => book.rows[/** @type {'owner' | 'dog'} */ (resource)].get(Number(id))?.name ?? all,
  )

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
    const { isUnanswered } = explain(error)
    const again = { label: 'Try again', run: () => void undo(change, idempotencyKey) }
    const history = { label: 'History', run: () => void openHistory(change) }
    tell(['Not undone. ', explained(error)], [isUnanswered ? again : history], { isProblem: true })
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
  const of = (/** @type {string} */ resource) => changes.filter((change) => change.resource === resource)
  const amounts = (/** @type {Change[]} */ some) => {
    const numbers = ['owner', 'dog', 'task'].map((one) => [one, some.filter(({ resource }) => resource === one).length])
    return together.format(
      numbers.filter(([, number]) => number).map(([one, number]) => count(Number(number), `${one}`)),
    )
  }
  // An owner with dogs, or a dog with tasks: it is about the one, and the others went with it.
  const main = ['owner', 'dog', 'task'].map(of).find((some) => some.length) ?? []
  const [first] = main
  const isOne = main.length === 1
  const like = changes.filter(({ action }) => action === first.action)
  const rest = changes.filter(({ action }) => action !== first.action)
  const also =
    rest.length > 0 &&
    `; ${count(rest.length, `other ${rest[0].resource}`)} ${state({ ...first, action: 'updated' }, rest.length > 1)}`
  if (!isOne) return [`${amounts(like)} ${state(first, true)}`, also, '.']
  const others = amounts(like.filter((change) => change !== first))
  const name = written(/** @type {any} */ (first.row ?? first.was)?.name ?? '')
  return [name, ` ${state(first)}`, others && `, with ${others}`, also, '.']
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
  /** The newest first. @type {Change[]} */
  let changes = []
  let turn = 0

  async function load() {
    const own = ++turn
    const row = of ? { resource: of.resource, id: of.id } : {}
    const before = changes.at(-1)?.seq
    try {
      const query = { ...row, sort: /** @type {const} */ ('-seq'), limit: PAGE, ...(before ? { before } : {}) }
      const { data } = await kennel.get('/dogowner/changes', { query })
      await knowMentioned(data)
      if (own !== turn) return
      changes.push(...data)
      show()
      more.hidden = data.length < PAGE
      status.textContent = changes.length ? '' : 'Nothing is known of before.'
    } catch (error) {
      if (own !== turn) return
      status.replaceChildren(
        `${explain(error).text} `,
        button('Try again', () => void load()),
      )
    }
  }

  function show() {
    // What a change led to is where the next one began.
    /** @type {Map<string, any>} */
    const states = new Map()
    const whole = changes.map((change) => {
      const key = `${change.resource} ${change.id}`
      const row = states.has(key) ? states.get(key) : change.row
      states.set(key, change.action === 'created' ? null : { ...row, ...change.was })
      return { ...change, row }
    })
    const batches = batchesOf(whole)
    list.replaceChildren(...[...batches.values()].map(item))
  }

  /** @param {Change[]} all of an operation */
  function item(all) {
    const [{ batch, seq, at, action }] = all
    const isOne = all.length === 1
    const text = element('p', {}, ...describe(all))
    const time = element('time', { datetime: at, title: formatMoment(at) }, `${formatAgo(at)}, ${formatMoment(at)}`)
    const lines = element('ul', { class: 'lines' })
    if (!isOne) lines.append(...all.map((change) => element('li', {}, ...describe([change]))))
    const item = element('li', {}, element('div', {}, text, time, !isOne && lines))
    // What was undone and redone is in the way no more, and has its button in the line that says so.
    const isUndone = changes.some(({ undoes }) => undoes === batch)
    const isLast = canUndo(batch, changes.toReversed())
    if (isUndone || !isLast) {
      item.append(element('span', { class: 'faint' }, isLast ? '' : isUndone ? 'Undone' : 'Changed since'))
      return item
    }
    const problem = element('p', { class: 'alert', role: 'alert' })
    let idempotencyKey = newKey()
    const undo = async () => {
      problem.textContent = ''
      back.setAttribute('aria-disabled', 'true')
      try {
        await sendUndo(seq, idempotencyKey)
        idempotencyKey = newKey()
      } catch (error) {
        problem.textContent = explained(error)
      } finally {
        back.removeAttribute('aria-disabled')
      }
    }
    const amount = isOne ? '' : ` all ${all.length}`
    const word = isUndo(batch) ? 'Redo' : 'Undo'
    // To take back that something was added is to delete it.
    const label = action === 'created' ? `Delete${amount || ' it'} again` : `${word}${amount}`
    const back = button(label, () => !back.hasAttribute('aria-disabled') && void undo(), {
      'aria-label': `${label}: ${text.textContent}`,
    })
    item.append(back, problem)
    return item
  }

  // What changes meanwhile, by this dialog's own buttons, too, begins the list anew.
  const stop = book.changed.subscribe((made) => {
    if (!dialog.isConnected) return stop()
    if (of && !made.some(({ resource, id }) => resource === of.resource && id === of.id)) return
    const hadFocus = list.contains(document.activeElement)
    changes = []
    void load().then(() => hadFocus && find('button', list)?.focus())
    list.replaceChildren()
  })
  await load()
}

// A long operation may come in pieces, and has one message all the same.
/** @type {Map<number, { changes: Change[], message: ReturnType<typeof tell> }>} */
const told = new Map()

/** What has changed lately, the first one first, as far as it may be in the way of what messages offer. */
let recent = /** @type {Change[]} */ ([])

/** @param {Change[]} changes */
async function tellChanges(changes) {
  const user = currentUser()?.id
  const isOwn = await book.isOwn(changes)
  await knowMentioned(changes.slice(0, 50))
  // Somebody else may have logged in meanwhile.
  if (currentUser()?.id !== user) return
  const batches = batchesOf(changes)
  updateTold(changes)
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
    const content = [!(await book.isOwn(all)) && element('span', {}, 'Elsewhere: '), ...describe(all)]
    if (before?.message.message.isConnected) {
      before.changes = all
      before.message.setText(content)
      continue
    }
    const label = isUndo(batch) ? 'Redo' : 'Undo'
    const message = tell(content, [{ label, run: () => void undo(all[0]) }])
    told.set(batch, { changes: all, message })
  }
}

/**
 * Takes away the messages of what was taken back, and the buttons that newer changes are in the way of.
 *
 * @param {Change[]} changes
 */
function updateTold(changes) {
  recent = told.size ? [...recent, ...changes] : changes
  for (const [batch, { message }] of told) {
    // Those whose message is gone need not be known any more.
    if (recent.some(({ undoes }) => undoes === batch)) message.close()
    if (message.message.isConnected) message.setActive(canUndo(batch, recent))
    else told.delete(batch)
  }
}

book.changed.subscribe((changes) => void tellChanges(changes))
