// The fields of a form: a label, a control, a hint, and what is wrong with it, tied together for those who listen.
import { element, uniqueId } from './dom.js'
import { formatDate } from './format.js'

/** What stands at a field that is empty and must not be. */
export const NEEDED = 'This is needed.'

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
 * @property {boolean} [isSecret] whether it is never kept
 */

/**
 * What surrounds a control. Errors are tied to it (`aria-describedby`), so that they are read with it.
 *
 * @param {string} label
 * @param {HTMLElement} control
 * @param {{ hint?: string, isGroup?: boolean, parts?: HTMLElement[] }} [options]
 */
export function surround(label, control, { hint, isGroup = false, parts = [control] } = {}) {
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
  const caption = isGroup ? element('legend', {}, label) : element('label', { for: id }, label)
  const around = element(isGroup ? 'fieldset' : 'div', { class: 'field' }, caption, ...parts)
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
 * A line of text, or several. An empty date is `null`.
 *
 * @param {{ name: string, label: string, type?: string, value?: string | null, hint?: string, rows?: number,
 *   isNeeded?: boolean, attributes?: Record<string, unknown> }} options
 * @returns {Field}
 */
export function textField({ name, label, type = 'text', value = '', hint, rows, isNeeded = false, attributes = {} }) {
  const control = rows
    ? element('textarea', { name, rows, ...attributes })
    : element('input', { name, type, ...attributes })
  // A name may run from right to left.
  if (type === 'text' || rows) control.setAttribute('dir', 'auto')
  control.value = value ?? ''
  const isDate = type === 'date'
  return {
    name,
    label,
    control,
    ...surround(label, control, { hint }),
    read: () => (isDate ? control.value || null : control.value),
    write: (value) => (control.value = value ?? ''),
    show: (value) => (isDate ? (value ? formatDate(value) : 'no date') : value || 'nothing'),
    complaint: () => {
      if (control.validity.badInput) return 'This is not a whole date.'
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
