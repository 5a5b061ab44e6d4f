// A list that shows page by page what the server finds and sorts, and stays as the book is without losing one's place.
import { book } from './book.js'
import { button, element, find, focusScreen } from './dom.js'
import { count, formatNumber } from './format.js'
import { explain } from './problems.js'

/** @typedef {import('./book.js').Change} Change */
/** @typedef {Record<string, any>} Query */
/** @typedef {{ id: number } & Record<string, any>} Row */
/** @typedef {AsyncGenerator<import('./kennel.js').Page<any>, void, void>} Pages */

/** How many rows are shown at first, come at once at most, and are kept in order by reading them anew. */
const FIRST = 50
const MOST = 200
const KEPT_IN_ORDER = 1000
/** Milliseconds that a list waits before it is read anew, as changes come in crowds. */
const GATHERED = 300

/** @typedef {{ id: number | undefined, index: number, action: string | undefined }} Focus */

/**
 * @typedef {object} ListOptions
 * @property {import('./book.js').Resource} resource
 * @property {string} label
 * @property {(query: Query) => Pages} pages
 * @property {(rows: Row[]) => Promise<unknown>} prepare makes known what the rows mention
 * @property {(row: Row) => HTMLElement[]} render
 * @property {(row: Row, change: Change) => boolean} mentions whether a row shows something of another one
 * @property {(row: Row) => string} [className] of the row's element
 * @property {(query: Query) => HTMLElement} empty what is shown when nothing is found
 */

export class LiveList {
  element
  #options
  #rows
  #status = element('p', { role: 'status' })
  #head
  #empty = element('div')
  #more
  /** @type {Map<number, { element: HTMLElement, row: Row, text: string }>} */
  #items = new Map()
  /** @type {Query} */
  #query = {}
  /** @type {Pages | null} */
  #pages = null
  #isLast = true
  #total = 0
  #turn = 0
  #isStale = false
  #timer = 0
  #stops

  /** @param {ListOptions} options */
  constructor(options) {
    this.#options = options
    this.#rows = element('ul', { class: 'rows', 'aria-label': options.label })
    this.#more = button('Show more', () => void this.#showMore())
    this.#head = element('div', { class: 'list-head' }, this.#status)
    this.element = element(
      'div',
      {},
      this.#head,
      this.#rows,
      this.#empty,
      element('div', { class: 'more' }, this.#more),
    )
    this.#more.hidden = true
    this.#stops = [
      book.changed.subscribe((changes) => this.#apply(changes)),
      book.missed.subscribe(() => this.#readSoon()),
      // What could not be read while the connection was lost.
      book.stateChanged.subscribe((state) => state === 'live' && this.#isStale && this.#readSoon()),
    ]
  }

  close() {
    clearTimeout(this.#timer)
    this.#turn++
    for (const stop of this.#stops) stop()
  }

  /** Shows the rows that a query finds. @param {Query} query */
  async show(query) {
    this.#query = query
    await this.#read(FIRST, true)
  }

  /**
   * Reads the list from its beginning.
   *
   * @param {number} wanted how many rows at least
   * @param {boolean} isNew whether it is another list than before
   */
  async #read(wanted, isNew) {
    const turn = ++this.#turn
    clearTimeout(this.#timer)
    this.#isStale = false
    this.element.setAttribute('aria-busy', 'true')
    if (isNew && !this.#items.size) this.#status.textContent = 'Loading…'
    try {
      const pages = this.#options.pages({ ...this.#query, limit: Math.min(MOST, Math.max(FIRST, wanted)), count: true })
      const rows = /** @type {Row[]} */ ([])
      let total = 0
      let isLast = false
      while (!isLast && rows.length < wanted) {
        const { value: page } = await pages.next()
        if (!page) break
        if (!rows.length) total = Number(page.headers.get('x-total-count'))
        rows.push(...page.data)
        isLast = page.isLast
      }
      await this.#options.prepare(rows)
      if (turn !== this.#turn) return
      this.#pages = pages
      this.#isLast = isLast
      this.#total = total
      this.#place(rows, isNew)
      this.#showState()
    } catch (error) {
      if (turn !== this.#turn) return
      this.#isStale = true
      // What is shown stays; it is read again when the connection is back.
      if (isNew) this.#showProblem(error, () => void this.#read(wanted, isNew))
    } finally {
      if (turn === this.#turn) this.element.removeAttribute('aria-busy')
    }
  }

  async #showMore() {
    if (this.element.hasAttribute('aria-busy')) return
    const before = this.#items.size
    // Pages after the first are longer.
    await (before <= FIRST ? this.#read(MOST, true) : this.#readNext())
    // The button is gone with the last page: what it has brought is next.
    const first = [...this.#items.values()][before]
    if (this.#isLast && first) find('button, input', first.element)?.focus()
  }

  async #readNext() {
    const turn = this.#turn
    this.element.setAttribute('aria-busy', 'true')
    const rows = [...this.#items.values()].map(({ row }) => row)
    try {
      const page = (await this.#pages?.next())?.value
      if (turn !== this.#turn) return
      if (page) await this.#options.prepare(page.data)
      this.#isLast = page?.isLast ?? true
      this.#place([...rows, ...(page?.data ?? [])], true)
      this.#showState()
    } catch (error) {
      // The chain of pages is broken with it.
      this.#showProblem(error, () => void this.#read(rows.length + MOST, true))
    } finally {
      if (turn === this.#turn) this.element.removeAttribute('aria-busy')
    }
  }

  /** Reads the list anew when the changes have calmed down: who comes where is the server's to say. */
  #readSoon() {
    this.#isStale = true
    clearTimeout(this.#timer)
    if (this.#items.size > KEPT_IN_ORDER) return this.#showState()
    this.#timer = setTimeout(() => void this.#read(Math.max(FIRST, this.#items.size), false), GATHERED)
  }

  /** @param {Change[]} changes */
  #apply(changes) {
    const focus = this.#focus()
    let isStale = false
    for (const change of changes) {
      const item = change.resource === this.#options.resource ? this.#items.get(change.id) : undefined
      if (change.resource !== this.#options.resource) {
        for (const other of this.#items.values())
          if (this.#options.mentions(other.row, change)) this.#fill(other, other.row)
      } else if (!change.row) {
        if (item) item.element.remove()
        if (item) this.#total--
        this.#items.delete(change.id)
      } else if (item) {
        this.#fill(item, change.row)
        isStale ||= this.#mayMove(change)
      } else isStale = true
    }
    // What they mention may be unknown so far.
    const touched = [...new Set(changes.map(({ id }) => id))]
      .map((id) => this.#items.get(id))
      .filter((item) => item !== undefined)
    const refill = () => touched.forEach((item) => this.#fill(item, item.row))
    void this.#options.prepare(touched.map(({ row }) => row)).then(refill, () => {})
    if (isStale) this.#readSoon()
    this.#restoreFocus(focus)
    this.#showState()
  }

  /** Whether a change may bring a row to another place, or out of the list. @param {Change} change */
  #mayMove({ was }) {
    const keys = [
      ...(this.#query.sort ?? []).map((/** @type {string} */ key) => key.replace('-', '')),
      ...Object.keys(this.#query),
    ]
    return Object.keys(was ?? {}).some((key) => key === 'name' || key === 'completed' || keys.includes(key))
  }

  /**
   * Puts the rows into their places. Elements that are there already stay what they are.
   *
   * @param {Row[]} rows
   * @param {boolean} isNew
   */
  #place(rows, isNew) {
    const focus = this.#focus()
    const before = this.#items
    this.#items = new Map()
    let at = this.#rows.firstElementChild
    for (const row of rows) {
      const item = before.get(row.id) ?? { element: element('li'), row, text: '' }
      if (!isNew && !before.has(row.id)) item.element.classList.add('is-new')
      before.delete(row.id)
      this.#items.set(row.id, item)
      if (item.row !== row || !item.text) this.#fill(item, row)
      if (item.element === at) at = at.nextElementSibling
      else this.#rows.insertBefore(item.element, at)
    }
    for (const { element } of before.values()) element.remove()
    this.#rows.classList.toggle('is-long', rows.length > FIRST)
    this.#restoreFocus(focus)
  }

  /**
   * @param {{ element: HTMLElement, row: Row, text: string }} item
   * @param {Row} row
   */
  #fill(item, row) {
    const content = this.#options.render(row)
    const text = content.map((part) => part.outerHTML).join('')
    item.row = row
    // What looks the same is left alone, with the focus that may be in it.
    if (text === item.text) return
    const focus = item.element.contains(document.activeElement) ? this.#focus() : null
    item.text = text
    item.element.className =
      `row ${this.#options.className?.(row) ?? ''} ${item.element.classList.contains('is-new') ? 'is-new' : ''}`.trim()
    item.element.replaceChildren(...content)
    this.#restoreFocus(focus)
  }

  /** Where in the list the focus is. @returns {Focus | null} */
  #focus() {
    const active = /** @type {HTMLElement | null} */ (document.activeElement)
    if (!active || !this.#rows.contains(active)) return null
    const rows = [...this.#items]
    const index = rows.findIndex(([, item]) => item.element.contains(active))
    return { id: rows[index]?.[0], index, action: active.dataset.action }
  }

  /** Moves the focus to the same control of the same row, or of the one in its place. @param {Focus | null} focus */
  #restoreFocus(focus) {
    if (!focus || this.#rows.contains(document.activeElement)) return
    const items = [...this.#items.values()]
    const item = (focus.id !== undefined && this.#items.get(focus.id)) || items[Math.min(focus.index, items.length - 1)]
    const control = item && find(`[data-action="${focus.action}"]`, item.element)
    if (control) control.focus()
    else focusScreen()
  }

  #showState() {
    const shown = this.#items.size
    const total = Math.max(this.#total, shown)
    const noun = this.#options.resource
    const text = shown < total ? `${formatNumber(shown)} of ${count(total, noun)}` : count(total, noun)
    if (this.#status.textContent !== text) this.#status.textContent = shown ? text : ''
    this.#more.hidden = this.#isLast || !shown
    this.#head.replaceChildren(this.#status)
    if (this.#isStale && shown > KEPT_IN_ORDER)
      this.#head.append(button('The list has changed. Show it anew', () => void this.#read(FIRST, true)))
    this.#empty.replaceChildren(...(shown ? [] : [this.#options.empty(this.#query)]))
  }

  /**
   * @param {unknown} error
   * @param {() => void} again
   */
  #showProblem(error, again) {
    this.#status.textContent = ''
    this.#head.replaceChildren(
      element(
        'div',
        { class: 'alert', role: 'alert' },
        element('p', {}, explain(error).text),
        button('Try again', again),
      ),
    )
  }
}
