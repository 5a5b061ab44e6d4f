// A form that loses nothing and sends nothing twice: it shows each problem at its field, waits as long as needed, and
// keeps what was typed.
import { element, find, present } from './dom.js'
import { formatWait } from './format.js'
import { explain, isAborted } from './problems.js'
import { currentUser } from './session.js'

/** @typedef {import('./fields.js').Field} Field */
/** @typedef {Record<string, any>} Values */

/** Milliseconds after which a form says that it still waits, and after which it stops waiting. */
const SLOW = 3000
const TIMEOUT = 20_000
/** For how long what nobody comes back to is kept, in milliseconds. */
const KEPT = 7 * 86_400_000

/** For how long a call waits for its answer. It begins with the call, as a login may come before that. */
export const patience = () => AbortSignal.timeout(TIMEOUT)

/** The forms on the page. */
const forms = /** @type {Set<Form>} */ (new Set())

/**
 * @param {unknown} one
 * @param {unknown} other
 */
export const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other)

/** Whether something is typed that is not saved. */
export const hasUnsaved = () => [...forms].some((form) => form.isConnected && form.isDirty)

// The browser asks in its own words.
addEventListener('beforeunload', (event) => {
  if (hasUnsaved()) event.preventDefault()
})

export class Form {
  /** @type {HTMLFormElement} */
  element
  /** @type {Field[]} */
  fields
  /** The create that may have been done, though no answer came. @type {Attempt | undefined} */
  attempt
  #options
  #alert = element('div', { class: 'alert', role: 'alert', tabindex: '-1' })
  #status = element('p', { class: 'hint', role: 'status' })
  #button
  /** What is saved. @type {Values} */
  #base = {}
  /** Who types here: it is kept for nobody else, whoever logs in meanwhile. */
  #user = currentUser()?.id
  #isBusy = false
  /** Whether what stands above the fields is only that some are wrong. */
  #isSummary = false
  #countdown = 0

  /**
   * `send` does the work with what was typed; what it throws is shown. `draft` names what is kept in the browser while
   * it is not saved: without it nothing is. A fleeting form is no loss, as there is nothing in it but a login.
   *
   * @param {{ fields: Field[], submit: string, send: (values: Values) => Promise<void>,
   *   draft?: string, buttons?: import('./dom.js').Child[], isDangerous?: boolean,
   *   isFleeting?: boolean }} options
   */
  constructor(options) {
    this.#options = options
    this.fields = options.fields
    this.#button = element('button', { class: options.isDangerous ? 'danger' : 'primary' }, options.submit)
    this.element = element(
      'form',
      { novalidate: true },
      this.#alert,
      ...this.fields.map((field) => field.element),
      element('div', { class: 'buttons' }, this.#button, ...(options.buttons ?? [])),
      this.#status,
    )
    this.element.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.submit()
    })
    for (const type of ['input', 'change'])
      this.element.addEventListener(type, ({ target }) => {
        this.#mend(/** @type {Node} */ (target))
        this.keep()
      })
    this.#base = this.values()
    this.#restore()
    if (!options.isFleeting) forms.add(this)
  }

  get isConnected() {
    if (!this.element.isConnected) forms.delete(this)
    return this.element.isConnected
  }

  get isDirty() {
    return this.#typed().length > 0
  }

  /** What is typed, by the names of the fields. @returns {Values} */
  values() {
    return Object.fromEntries(this.fields.map((field) => [field.name, field.read()]))
  }

  /** Keeps what is typed, until it is saved. */
  keep() {
    const { draft } = this.#options
    if (!draft) return
    const typed = this.#typed().filter(({ isSecret }) => !isSecret)
    /** @type {Draft['values']} */
    const values = {}
    for (const field of typed) values[field.name] = [field.read(), this.#base[field.name]]
    if (typed.length || this.attempt) saveDraft(this.#user, draft, { values, attempt: this.attempt })
    else dropDraft(this.#user, draft)
  }

  /** Forgets what was kept, as it is saved, or not wanted. */
  forget() {
    this.attempt = undefined
    if (this.#options.draft) dropDraft(this.#user, this.#options.draft)
    forms.delete(this)
  }

  async submit() {
    // A second click, or Enter, while the first is under way, or has to wait.
    if (this.#isBusy || this.#countdown) return
    this.clear()
    this.#setBusy(true)
    await Promise.all(this.fields.map((field) => field.settle?.()))
    this.#setBusy(false)
    const complaints = this.fields.map((field) => ({ field: field.name, detail: field.complaint() ?? '' }))
    const wrong = complaints.filter(({ detail }) => detail)
    if (wrong.length) return this.showErrors('Something needs your attention.', wrong)
    this.#setBusy(true)
    const slow = setTimeout(() => (this.#status.textContent = 'The server takes its time. Still waiting…'), SLOW)
    try {
      await this.#options.send(this.values())
    } catch (error) {
      this.showProblem(error)
    } finally {
      clearTimeout(slow)
      this.#status.textContent = ''
      this.#setBusy(false)
    }
  }

  /** Shows what is wrong: at the fields that it is about, and the rest above them. @param {unknown} error */
  showProblem(error) {
    if (isAborted(error)) return
    const { text, errors, retryAfter, isUnanswered } = explain(error)
    this.showErrors(isUnanswered ? `${text} What you typed is kept here. Try again.` : text, errors)
    if (isUnanswered && !this.#options.isDangerous) this.#button.textContent = 'Try again'
    if (retryAfter) this.#wait(retryAfter)
  }

  /** Shows something above the fields, as an alert. @param {...import('./dom.js').Child} content */
  alert(...content) {
    this.#isSummary = false
    this.#alert.replaceChildren(...present(content))
  }

  clear() {
    this.#alert.replaceChildren()
    this.#button.textContent = this.#options.submit
    for (const field of this.fields) field.showErrors([])
  }

  /**
   * Shows errors at their fields, and those of no field below the text.
   *
   * @param {string} text
   * @param {{ field: string, detail: string }[]} errors
   */
  showErrors(text, errors) {
    const [known, unknown] = [/** @type {Field[]} */ ([]), /** @type {string[]} */ ([])]
    for (const { field, detail } of errors) if (!this.fields.some(({ name }) => name === field)) unknown.push(detail)
    for (const field of this.fields) {
      const own = errors.filter((error) => error.field === field.name).map(({ detail }) => detail)
      field.showErrors(own)
      if (own.length) known.push(field)
    }
    this.alert(
      element('p', {}, text),
      unknown.length > 0 && element('ul', {}, ...unknown.slice(0, 20).map((detail) => element('li', {}, detail))),
      unknown.length > 20 && element('p', {}, `And ${unknown.length - 20} more like these.`),
    )
    this.#isSummary = known.length > 0 && !unknown.length
    const control = known[0]?.control ?? this.#alert
    control.focus({ preventScroll: true })
    for (const seen of [this.#alert, control]) seen.scrollIntoView({ block: 'nearest' })
  }

  /** Takes away what was wrong with a field that is changed, and at last the summary. @param {Node} target */
  #mend(target) {
    this.fields.find((field) => field.element.contains(target))?.showErrors([])
    if (this.#isSummary && !this.#countdown && !find('[aria-invalid]', this.element)) this.alert()
  }

  /** Counts down to when the next try makes sense. @param {number} seconds */
  #wait(seconds) {
    const end = Date.now() + seconds * 1000
    const timer = element('p', { role: 'timer' })
    const tick = () => {
      const left = Math.ceil((end - Date.now()) / 1000)
      this.#button.setAttribute('aria-disabled', 'true')
      timer.textContent = `Try again in ${formatWait(left)}.`
      if (left > 0) return
      clearInterval(this.#countdown)
      this.#countdown = 0
      this.#button.removeAttribute('aria-disabled')
      timer.textContent = 'You can try again now.'
    }
    this.#alert.append(timer)
    this.#countdown = setInterval(tick, 500)
    tick()
  }

  /** @param {boolean} isBusy */
  #setBusy(isBusy) {
    this.#isBusy = isBusy
    // Not `disabled`, which would take the focus away.
    if (!this.#countdown) this.#button.toggleAttribute('aria-disabled', false)
    if (isBusy || this.#countdown) this.#button.setAttribute('aria-disabled', 'true')
    this.element.toggleAttribute('aria-busy', false)
    if (isBusy) this.element.setAttribute('aria-busy', 'true')
  }

  /** The fields with another value than what is saved. */
  #typed() {
    return this.fields.filter((field) => !isSame(field.read(), this.#base[field.name]))
  }

  #restore() {
    const draft = this.#options.draft && loadDraft(this.#user, this.#options.draft)
    if (!draft) return
    this.attempt = draft.attempt
    let text = 'You typed this before, and it is not saved yet.'
    for (const field of this.fields) {
      if (!(field.name in draft.values)) continue
      const [typed, was] = draft.values[field.name]
      field.write(typed)
      if (!isSame(was, this.#base[field.name]))
        text = `${text} Somebody has changed the ${field.label.toLowerCase()} since.`
    }
    if (!this.isDirty && !this.attempt) return
    const note = element('div', { class: 'notice', role: 'status' }, element('p', {}, text))
    const startOver = () => {
      for (const field of this.fields) field.write(this.#base[field.name])
      this.forget()
      forms.add(this)
      note.remove()
      this.fields[0]?.control.focus()
    }
    note.append(element('button', { type: 'button', onclick: startOver }, 'Start over'))
    this.element.prepend(note)
  }
}

// ---------------------------------------------------------------- drafts

// What is typed and not saved stays in the browser, so that a tab that is closed by mistake loses nothing. Passwords
// never come here.

/**
 * @typedef {object} Draft
 * @property {Record<string, [typed: any, was: any]>} values
 * @property {number} at when it was typed
 * @property {Attempt | undefined} attempt the create that may have been done, though no answer came
 */
/** @typedef {{ key: string, body: any }} Attempt */
/** @typedef {number | undefined} UserId whose it is: nobody else is shown it */

/**
 * @param {UserId} user
 * @param {string} name
 */
const place = (user, name) => `kennel draft ${user} ${name}`

/**
 * @param {UserId} user
 * @param {string} name
 * @returns {Draft | null}
 */
function loadDraft(user, name) {
  try {
    const draft = JSON.parse(localStorage.getItem(place(user, name)) ?? 'null')
    return draft && Date.now() - draft.at < KEPT ? draft : null
  } catch {
    return null
  }
}

/**
 * @param {UserId} user
 * @param {string} name
 * @param {Omit<Draft, 'at'>} draft
 */
function saveDraft(user, name, draft) {
  try {
    localStorage.setItem(place(user, name), JSON.stringify({ ...draft, at: Date.now() }))
  } catch {
    // Without room, or where the browser keeps nothing, the form itself still has it.
  }
}

/**
 * @param {UserId} user
 * @param {string} name
 */
function dropDraft(user, name) {
  localStorage.removeItem(place(user, name))
}

/** The names of what a user has typed and not saved. Those that are too old are forgotten. @param {UserId} user */
export function draftNames(user) {
  const start = place(user, '')
  const names = Object.keys(localStorage)
    .filter((key) => key.startsWith(start))
    .map((key) => key.slice(start.length))
  for (const name of names) if (!loadDraft(user, name)) dropDraft(user, name)
  return names.filter((name) => loadDraft(user, name))
}

/** Forgets all that a user has typed, as when they log out of a browser that others use. @param {UserId} user */
export function dropDrafts(user) {
  for (const name of draftNames(user)) dropDraft(user, name)
}
