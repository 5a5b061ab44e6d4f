// A field that chooses rows among thousands: letters are typed, the server finds, and the keys or a finger choose (the
// combobox of the ARIA practices).
import { book } from './book.js'
import { element, icon, uniqueId, written } from './dom.js'
import { NEEDED, surround } from './fields.js'
import { formatDate } from './format.js'
import { explain } from './problems.js'
import { kennel } from './session.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {Schemas['Owner'] | Schemas['Dog']} Row */

/** How many rows are offered, and for how many milliseconds after a letter the next one is waited for. */
const OFFERED = 20
const TYPED = 180

/**
 * A field whose value is the id of a row, or `null`; or, of many, a list of ids.
 *
 * @param {{ name: string, label: string, resource: 'owner' | 'dog', value: any, isMany?: boolean, canAdd?: boolean,
 *   isNeeded?: boolean, hint?: string, onChoose?: (value: any) => void }} options `canAdd` offers to make the owner that is not there yet
 * @returns {import('./fields.js').Field}
 */
export function pickerField({
  name,
  label,
  resource,
  value,
  isMany = false,
  canAdd = false,
  isNeeded = false,
  hint,
  onChoose,
}) {
  const listId = uniqueId('choices')
  const control = element('input', {
    type: 'text',
    role: 'combobox',
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
  /** What is offered, and which of it is under the arrow keys. @type {{ row: Row | null, text: string }[]} */
  let offers = []
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

  async function search() {
    const text = control.value.trim()
    const own = ++turn
    const query = { q: isSettled() && !isMany ? '' : text, sort: /** @type {['name']} */ (['name']), limit: OFFERED }
    try {
      const { data } = await (resource === 'owner'
        ? kennel.get('/dogowner/owners', { query })
        : kennel.get('/dogowner/dogs', { query }))
      if (own !== turn || !picker.contains(document.activeElement)) return
      offers = /** @type {Row[]} */ (data)
        .filter(({ id }) => !isMany || !chosen.includes(id))
        .map((row) => ({ row, text: row.name }))
      const isThere = data.some((row) => row.name.toLowerCase() === text.toLowerCase())
      if (canAdd && text && !isThere && !(isSettled() && !isMany)) offers.push({ row: null, text })
      open(offers.length ? '' : 'Nothing found.')
    } catch (error) {
      if (own === turn) open(explain(error).text)
    }
  }

  /** @param {string} [notice] */
  function open(notice) {
    const names = offers.map(({ text }) => text)
    choices.replaceChildren(
      ...offers.map(({ row, text }, index) => {
        const isDouble = row && names.indexOf(text) !== names.lastIndexOf(text)
        return element(
          'li',
          { role: 'option', id: `${listId}-${index}`, 'aria-selected': 'false', onclick: () => void take(index) },
          row ? written(text) : element('span', {}, 'Add ', written(text), ` as a new ${resource}`),
          isDouble && element('span', { class: 'faint' }, `since ${formatDate(row.created_at.slice(0, 10))}`),
        )
      }),
    )
    if (notice) choices.append(element('li', { role: 'option', 'aria-disabled': 'true' }, notice))
    choices.hidden = false
    control.setAttribute('aria-expanded', 'true')
    activate(-1)
  }

  function shut() {
    turn++
    clearTimeout(timer)
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

  /** @param {number} index */
  async function take(index) {
    const { row, text } = offers[index]
    shut()
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
  control.addEventListener('keydown', (event) => {
    const isOpen = !choices.hidden
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault()
      if (!isOpen) return void search()
      const step = event.key === 'ArrowDown' ? 1 : -1
      if (offers.length) activate((active + step + offers.length + (active < 0 && step < 0 ? 1 : 0)) % offers.length)
    } else if (event.key === 'Enter' && isOpen && active >= 0) {
      event.preventDefault()
      void take(active)
    } else if (event.key === 'Escape' && isOpen) {
      // Of the dialog around it only the next one is meant.
      event.preventDefault()
      event.stopPropagation()
      shut()
    } else if (event.key === 'Backspace' && isMany && !control.value && chosen.length) {
      void choose(chosen.slice(0, -1))
      changed()
    }
  })
  // A finger on the list does not take the focus out of the field.
  choices.addEventListener('pointerdown', (event) => event.preventDefault())
  control.addEventListener('blur', () => {
    // Who types a name to its end has chosen it.
    const same = offers.findIndex(({ row, text }) => row && text.toLowerCase() === control.value.trim().toLowerCase())
    if (!isSettled() && same >= 0) void take(same)
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
    showErrors,
    read,
    write,
    show: (value) => (isMany ? value.map(nameOf).join(', ') || 'nobody' : value ? nameOf(value) : 'none'),
    complaint: () => {
      if (!isSettled()) return `Choose from the list${canAdd ? ', or add it there' : ''}.`
      return isNeeded && !chosen.length ? NEEDED : null
    },
  }
}
