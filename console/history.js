// What became of a row, or of the whole book, newest first; and how it is taken back.
import { book } from './book.js'
import { describe, knowMentioned, sendUndo } from './changes.js'
import { openDialog } from './dialogs.js'
import { button, element, written } from './dom.js'
import { newKey } from './editor.js'
import { formatAgo, formatMoment } from './format.js'
import { explain } from './problems.js'
import { kennel } from './session.js'

/** @typedef {import('./book.js').Change} Change */

/** How many changes are shown at once. */
const PAGE = 20

/**
 * Opens the history of a row; of the whole book, if there is none.
 *
 * @param {{ resource: import('./book.js').Resource, id: number, name?: string }} [of]
 */
export async function openHistory(of) {
  const list = element('ol', { class: 'history' })
  const status = element('p', { class: 'hint', role: 'status' }, 'Loading…')
  const more = button('Show more', () => void load(), { hidden: true })
  const title = of ? 'History' : 'Recent changes'
  const about = of?.name && element('p', {}, written(of.name))
  const { dialog } = openDialog(title, [about, list, status, element('div', { class: 'more' }, more)], { isWide: true })
  /** How each row was before the changes that are shown: what a change led to is where the next one began. @type {Map<string, any>} */
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
      status.replaceChildren(`${explain(error).text} `, button('Try again', () => void load()))
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
    const time = element('time', { datetime: change.at, title: formatMoment(change.at) }, `${formatAgo(change.at)}, ${formatMoment(change.at)}`)
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
    const back = button('Undo', () => !back.hasAttribute('aria-disabled') && void undo(), { 'aria-label': `Undo: ${text.textContent}` })
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
    void load().then(() => hadFocus && list.querySelector('button')?.focus())
    list.replaceChildren()
  })
  await load()
}
