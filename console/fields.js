// The fields of a form: a label, a control, a hint, and what is wrong with it, tied together for those who listen.
import { book } from './book.js'
import { element, find, icon, uniqueId, written } from './dom.js'
import { formatDate, today } from './format.js'
import { explain } from './problems.js'
import { kennel } from './session.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {Schemas['Owner'] | Schemas['Dog']} Row */

/** How many rows a picker offers, and for how many milliseconds after a letter the next one is waited for. */
const OFFERED = 20
const TYPED = 180
/** How high the list of a picker may be, and how far it is from its field, in pixels. */
const HEIGHT = 240
const GAP = 4

/** What stands at a field that is empty and must not be. */
const NEEDED = 'This is needed.'

/** @param {string} one @param {string} other */
const isAlike = (one, other) => one.toLowerCase() === other.toLowerCase()

/**
 * One field of a form.
 *
 * @typedef {object} Field
 * @property {string} name of the field in the API
 * @property {string} label
 * @property {HTMLElement} element
 * @property {HTMLElement} control what gets the focus
 * @property {() => any} read its value, as the API takes it
 * @property {(value: any) => void} write
 * @property {(value: any) => string} show a value in words
 * @property {() => string | null} complaint what cannot be sent as it is
 * @property {(errors: string[]) => void} showErrors
 * @property {() => Promise<void>} [settle] takes what was typed last for what it means, before it is read
 * @property {boolean} [isSecret] whether it is never kept
 */

/**
 * What surrounds a control. Errors are tied to it (`aria-describedby`), so that they are read with it.
 *
 * @param {string} label
 * @param {HTMLElement} control
 * @param {{ hint?: string, parts?: HTMLElement[] }} [options]
 */
function surround(label, control, { hint, parts = [control] } = {}) {
  const id = (control.id ||= uniqueId('field'))
  const hintId = hint ? `${id}-hint` : undefined
  const errorId = `${id}-error`
  const error = element('p', { id: errorId, class: 'error', hidden: true })
  const describe = (/** @type {boolean} */ isWrong) => {
    const ids = [hintId, isWrong && errorId].filter(Boolean).join(' ')
    if (ids) control.setAttribute('aria-describedby', ids)
    else control.removeAttribute('aria-describedby')
  }
  describe(false)
  const around = element('div', { class: 'field' }, element('label', { for: id }, label), ...parts)
  if (hint) around.append(element('p', { id: hintId, class: 'hint' }, hint))
  around.append(error)
  return {
    element: around,
    /** @param {string[]} errors */
    showErrors(errors) {
      error.textContent = errors.join(' ')
      error.hidden = !errors.length
      if (errors.length) control.setAttribute('aria-invalid', 'true')
      else control.removeAttribute('aria-invalid')
      describe(errors.length > 0)
    },
  }
}

/**
 * A line of text, or several. An empty date is `null`; of one to come the hint says what that means (`ahead`).
 *
 * @param {{ name: string, label: string, type?: string, value?: string | null, hint?: string, ahead?: string,
 *   rows?: number, isNeeded?: boolean, attributes?: Record<string, unknown> }} options
 * @returns {Field}
 */
export function textField({ name, label, type = 'text', value = '', hint, ahead, rows, isNeeded, attributes = {} }) {
  const control = rows
    ? element('textarea', { name, rows, ...attributes })
    : element('input', { name, type, ...attributes })
  // A name may run from right to left.
  if (type === 'text' || rows) control.setAttribute('dir', 'auto')
  control.value = value ?? ''
  const isDate = type === 'date'
  const surroundings = surround(label, control, { hint })
  const hinted = ahead && find('.hint', surroundings.element)
  if (hinted)
    control.addEventListener('input', () => {
      hinted.textContent = (control.value > today() && ahead) || (hint ?? '')
    })
  return {
    name,
    label,
    control,
    ...surroundings,
    read: () => (isDate ? control.value || null : control.value),
    write: (value) => (control.value = value ?? ''),
    show: (value) => (isDate ? (value ? formatDate(value) : 'no date') : value || 'nothing'),
    complaint: () => {
      if (control.validity.badInput) return 'This is not a whole date.'
      if (isDate && control.value && control.value < '1900') return 'Which year? It has four digits, as 2021 has.'
      return isNeeded && !control.value.trim() ? NEEDED : null
    },
  }
}

/**
 * A password, which can be shown while it is typed, and is never kept.
 *
 * @param {{ name: string, label: string, autocomplete: 'current-password' | 'new-password', hint?: string }} options
 * @returns {Field}
 */
export function passwordField({ name, label, autocomplete, hint }) {
  const control = element('input', { name, type: 'password', autocomplete, autocapitalize: 'off', spellcheck: 'false' })
  const toggle = element('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' }, 'Show')
  toggle.setAttribute('aria-label', `Show ${label.toLowerCase()}`)
  toggle.addEventListener('click', () => {
    const isShown = control.type === 'password'
    control.type = isShown ? 'text' : 'password'
    toggle.setAttribute('aria-pressed', `${isShown}`)
    toggle.textContent = isShown ? 'Hide' : 'Show'
    toggle.setAttribute('aria-label', `${toggle.textContent} ${label.toLowerCase()}`)
  })
  const parts = [element('div', { class: 'with-button' }, control, toggle)]
  return {
    name,
    label,
    control,
    isSecret: true,
    ...surround(label, control, { hint, parts }),
    read: () => control.value,
    write: (value) => (control.value = value ?? ''),
    show: () => '',
    complaint: () => (control.value ? null : NEEDED),
  }
}

/**
 * Yes or no.
 *
 * @param {{ name: string, label: string, value?: boolean, hint?: string }} options
 * @returns {Field}
 */
export function checkField({ name, label, value = false, hint }) {
  const control = element('input', { name, type: 'checkbox', id: uniqueId('field') })
  control.checked = value
  const { element: around, showErrors } = surround(label, control, { hint })
  around.classList.add('check')
  around.prepend(control)
  return {
    name,
    label,
    control,
    element: around,
    showErrors,
    read: () => control.checked,
    write: (value) => (control.checked = Boolean(value)),
    show: (value) => (value ? 'yes' : 'no'),
    complaint: () => null,
  }
}

/**
 * One of a few values, each with its words.
 *
 * @param {{ name: string, label: string, choices: [value: any, label: string][], value: any, hint?: string }} options
 * @returns {Field}
 */
export function choiceField({ name, label, choices, value, hint }) {
  const control = element('select', { name }, ...choices.map(([, words]) => element('option', {}, words)))
  const write = (/** @type {any} */ value) => (control.selectedIndex = choices.findIndex(([one]) => one === value))
  write(value)
  return {
    name,
    label,
    control,
    ...surround(label, control, { hint }),
    read: () => choices[control.selectedIndex]?.[0],
    write,
    show: (value) => choices.find(([one]) => one === value)?.[1] ?? '',
    complaint: () => null,
  }
}

/**
 * A file of the reader's machine. It is not kept: only the browser may read it.
 *
 * @param {{ name: string, label: string, accept: string, hint?: string }} options
 * @returns {Field}
 */
export function fileField({ name, label, accept, hint }) {
  const control = element('input', { name, type: 'file', accept })
  return {
    name,
    label,
    control,
    isSecret: true,
    ...surround(label, control, { hint }),
    read: () => control.files?.[0] ?? null,
    write: () => {},
    show: () => '',
    complaint: () => (control.files?.length ? null : NEEDED),
  }
}

/**
 * One row among thousands, by its id, or `null`; or, of many, a list of ids. Letters are typed, the server finds, and
 * the keys or a finger choose (the combobox of the ARIA practices).
 *
 * @param {{ name: string, label: string, resource: 'owner' | 'dog', value: any, isMany?: boolean, canAdd?: boolean,
 *   isNeeded?: boolean, hint?: string, all?: string, except?: () => number | null, onChoose?: (value: any) => void }}
 *   options `canAdd` offers to make the owner that is not there yet, `all` is what it is called to choose none, and
 *   `except` is not offered
 * @returns {Field}
 */
export function pickerField({ name, label, resource, value, hint, all, except, onChoose, ...options }) {
  const { isMany = false, canAdd = false, isNeeded = false } = options
  const listId = uniqueId('choices')
  const control = element('input', {
    type: 'text',
    role: 'combobox',
    placeholder: all ?? (canAdd ? 'Choose or add…' : 'Choose…'),
    autocomplete: 'off',
    spellcheck: 'false',
    dir: 'auto',
    'aria-autocomplete': 'list',
    'aria-expanded': 'false',
    'aria-controls': listId,
  })
  const choices = element('ul', { role: 'listbox', id: listId, 'aria-label': label, class: 'choices', hidden: true })
  const chips = element('ul', { class: 'chips', 'aria-label': `${label}, chosen` })
  const picker = element('div', { class: 'picker' }, isMany && chips, control, choices)
  /** @type {number[]} */
  let chosen = []
  /** What is offered: rows, one to be made, and all. @type {{ row: Row | null, text: string, isAll?: boolean }[]} */
  let offers = []
  /** Which of it is under the arrow keys. */
  let active = -1
  let turn = 0
  let timer = 0

  const nameOf = (/** @type {number} */ id) => book.rows[resource].get(id)?.name ?? `one who is gone (${id})`
  const isSettled = () => (isMany ? !control.value.trim() : control.value === (chosen.length ? nameOf(chosen[0]) : ''))

  /** @param {number[]} ids */
  async function choose(ids) {
    chosen = ids
    await book.know(resource, ids).catch(() => {})
    if (chosen === ids) showChosen()
  }

  function showChosen() {
    if (!isMany) {
      control.value = chosen.length ? nameOf(chosen[0]) : ''
      return
    }
    chips.replaceChildren(
      ...chosen.map((id) => {
        const remove = () => {
          void choose(chosen.filter((one) => one !== id))
          changed()
          control.focus()
        }
        const attributes = { type: 'button', 'aria-label': `Remove ${nameOf(id)}`, onclick: remove }
        return element('li', { class: 'chip' }, written(nameOf(id)), element('button', attributes, icon('close')))
      }),
    )
  }

  function changed() {
    control.dispatchEvent(new Event('change', { bubbles: true }))
    onChoose?.(read())
  }

  /** What the server finds for the letters; for those of what is chosen, all. */
  async function look() {
    const text = isSettled() ? '' : control.value.trim()
    const query = { q: text, sort: /** @type {['name']} */ (['name']), limit: OFFERED }
    const { data } = await (resource === 'owner'
      ? kennel.get('/dogowner/owners', { query })
      : kennel.get('/dogowner/dogs', { query }))
    const found = /** @type {typeof offers} */ (
      /** @type {Row[]} */ (data)
        .filter(({ id }) => id !== except?.() && !(isMany && chosen.includes(id)))
        .map((row) => ({ row, text: row.name }))
    )
    if (canAdd && text && !data.some((row) => isAlike(row.name, text))) found.push({ row: null, text })
    if (all && chosen.length && !text) found.unshift({ row: null, text: all, isAll: true })
    return found
  }

  async function search() {
    const own = ++turn
    try {
      const found = await look()
      if (own !== turn || !picker.contains(document.activeElement)) return
      offers = found
      open(offers.length ? '' : 'Nothing found.')
      // Enter takes the first that fits what is typed.
      if (!isSettled() && offers[0]?.row) activate(0)
    } catch (error) {
      if (own === turn) open(explain(error).text)
    }
  }

  /** Takes a name that was typed to its end, or the only one that begins so. */
  async function settle() {
    if (isSettled()) return
    const text = control.value.trim()
    const rows = (await look().catch(() => [])).filter(({ row }) => row)
    const same = rows.filter((offer) => isAlike(offer.text, text))
    const [one, ...others] = same.length ? same : rows
    const fits = one && !others.length && isAlike(one.text.slice(0, text.length), text)
    // Meanwhile something else may have been typed, or taken.
    if (isSettled() || text !== control.value.trim()) return
    if (fits) await take(one)
    else if (all) showChosen()
  }

  /** @param {string} [notice] */
  function open(notice) {
    const names = offers.map(({ text }) => text)
    choices.replaceChildren(
      ...offers.map((offer, index) => {
        const { row, text, isAll } = offer
        const isDouble = row && names.indexOf(text) !== names.lastIndexOf(text)
        return element(
          'li',
          { role: 'option', id: `${listId}-${index}`, 'aria-selected': 'false', onclick: () => void take(offer) },
          row ? written(text) : isAll ? text : element('span', {}, 'Add ', written(text), ` as a new ${resource}`),
          isDouble && element('span', { class: 'faint' }, `since ${formatDate(row.created_at.slice(0, 10))}`),
        )
      }),
    )
    if (notice) choices.append(element('li', { role: 'option', 'aria-disabled': 'true' }, notice))
    choices.hidden = false
    place()
    for (const type of ['scroll', 'resize']) addEventListener(type, place, true)
    control.setAttribute('aria-expanded', 'true')
    activate(-1)
  }

  /** Lays the list over what is below the field, or above it where there is more room. Nothing else moves by it. */
  function place() {
    if (!control.isConnected) return shut()
    const { top, bottom, left, width } = control.getBoundingClientRect()
    const below = (visualViewport?.height ?? innerHeight) - bottom
    const isAbove = below < Math.min(HEIGHT, top)
    const { style } = choices
    style.left = `${left}px`
    style.width = `${width}px`
    style.maxHeight = `${Math.min(HEIGHT, isAbove ? top : below) - 2 * GAP}px`
    style.top = isAbove ? 'auto' : `${bottom + GAP}px`
    style.bottom = isAbove ? `${innerHeight - top + GAP}px` : 'auto'
  }

  function shut() {
    turn++
    clearTimeout(timer)
    for (const type of ['scroll', 'resize']) removeEventListener(type, place, true)
    choices.hidden = true
    control.setAttribute('aria-expanded', 'false')
    activate(-1)
  }

  /** @param {number} index */
  function activate(index) {
    active = index
    control.removeAttribute('aria-activedescendant')
    for (const [at, option] of [...choices.children].entries()) {
      option.setAttribute('aria-selected', `${at === index}`)
      if (at !== index) continue
      control.setAttribute('aria-activedescendant', option.id)
      option.scrollIntoView({ block: 'nearest' })
    }
  }

  /** @param {typeof offers[0]} offer */
  async function take({ row, text, isAll }) {
    shut()
    if (isAll) {
      await choose([])
      return changed()
    }
    control.setAttribute('aria-busy', 'true')
    try {
      const made =
        row ??
        (await book.write(resource, undefined, () => kennel.post('/dogowner/owners', { body: { name: text } }))).data
      book.rows[resource].set(made.id, /** @type {any} */ (made))
      if (isMany) control.value = ''
      await choose(isMany ? [...chosen, made.id] : [made.id])
      showErrors([])
      changed()
    } catch (error) {
      const { text, errors } = explain(error)
      showErrors(errors.length ? errors.map(({ detail }) => detail) : [text])
    } finally {
      control.removeAttribute('aria-busy')
    }
  }

  control.addEventListener('input', () => {
    if (!isMany && !control.value.trim() && chosen.length) {
      chosen = []
      changed()
    }
    clearTimeout(timer)
    timer = setTimeout(() => void search(), TYPED)
  })
  control.addEventListener('click', () => choices.hidden && void search())
  control.addEventListener('focus', () => control.matches('[aria-invalid]') && void search())
  control.addEventListener('keydown', (event) => {
    const isOpen = !choices.hidden
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      if (!isOpen) return void search()
      const step = event.key === 'ArrowDown' ? 1 : -1
      if (offers.length) activate((active + step + offers.length + (active < 0 && step < 0 ? 1 : 0)) % offers.length)
    } else if (event.key === 'Enter' && isOpen && active >= 0) {
      event.preventDefault()
      void take(offers[active])
    } else if (event.key === 'Escape' && isOpen) {
      // Of the dialog around it only the next one is meant.
      event.preventDefault()
      event.stopPropagation()
      shut()
    } else if (event.key === 'Tab' && isMany) void settle()
    else if (event.key === 'Backspace' && isMany && !control.value && chosen.length) {
      void choose(chosen.slice(0, -1))
      changed()
    }
  })
  // A finger on the list does not take the focus out of the field.
  choices.addEventListener('pointerdown', (event) => event.preventDefault())
  control.addEventListener('blur', () => {
    // The name of a co-owner would move what is being pressed: it is taken when the form is sent.
    if (!isMany) void settle()
    shut()
  })

  const read = () => (isMany ? chosen.toSorted((one, other) => one - other) : (chosen[0] ?? null))
  const write = (/** @type {any} */ value) => void choose(isMany ? [...value] : value ? [value] : [])
  write(value)
  const { element: around, showErrors } = surround(label, control, { hint, parts: [picker] })
  return {
    name,
    label,
    control,
    element: around,
    settle,
    showErrors(errors) {
      showErrors(errors)
      if (errors.length && document.activeElement === control) void search()
    },
    read,
    write,
    show: (value) => (isMany ? value.map(nameOf).join(', ') || 'nobody' : value ? nameOf(value) : 'none'),
    complaint: () => {
      if (!isSettled()) return `Choose from the list${canAdd ? ', or add it there' : ''}.`
      return isNeeded && !chosen.length ? NEEDED : null
    },
  }
}
