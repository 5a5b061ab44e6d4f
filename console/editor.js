// The dialog in which a row is made or changed. It overwrites nothing that somebody else has written, and makes nothing
// twice.
import { book } from './book.js'
import { button, element, find, written } from './dom.js'
import { Form, isSame } from './forms.js'
import { openDialog, tell } from './overlays.js'
import { explain, isProblem } from './problems.js'

/** @typedef {import('./resources.js').Kind} Kind */
/** @typedef {import('./resources.js').Read} Read */

/**
 * Opens the form of a row, or of a new one.
 *
 * @param {Kind} kind
 * @param {{ id?: number, start?: Record<string, any>, typed?: Record<string, any>,
 *   onSaved?: (row: any, typed: any) => void }} [of] the row, or what a new one begins with; and what was typed before
 */
export async function openEditor(kind, { id, start = {}, typed, onSaved } = {}) {
  /** What the row is, as far as this form knows. @type {Read | null} */
  let base = null
  try {
    if (id) base = await kind.read(id)
  } catch (error) {
    tell(
      ['The form was not opened. ', explain(error).text],
      [{ label: 'Try again', run: () => void openEditor(kind, { id, typed, onSaved }) }],
      {
        isProblem: true,
      },
    )
    return
  }
  const row = base?.data ?? start
  const action = kind.title ?? (base ? 'Edit ' : `Add ${kind.resource === 'owner' ? 'an owner' : `a ${kind.resource}`}`)
  const form = new Form({
    fields: kind.fields(row),
    submit: 'Save',
    draft: `${kind.resource} ${id ?? 'new'}`,
    send,
    buttons: [button('Cancel', () => cancel())],
  })
  const { close, cancel } = openDialog([action, base && row.name && written(row.name)], [form.element], { onCancel })
  if (typed) {
    for (const field of form.fields) field.write(typed[field.name])
    form.keep()
  }
  const stop = book.changed.subscribe((changes) => void notice(changes))

  /** @param {Record<string, any>} values */
  async function send(values) {
    if (base) await update(values)
    else await create(values)
  }

  /** @param {any} row as it is now */
  function saved(row) {
    const values = form.values()
    stop()
    form.forget()
    close()
    onSaved?.(row, values)
  }

  function onCancel() {
    stop()
    const typed = form.values()
    const wasDirty = form.isDirty
    form.forget()
    if (!wasDirty) return
    const what = base
      ? ['What you changed', row.name && [' of ', written(row.name)]]
      : [`The new ${kind.resource}`, typed.name && [' ', written(typed.name)]]
    tell(
      [...what.flat(), ' is not saved.'],
      [{ label: 'Bring it back', run: () => void openEditor(kind, { id, start, typed, onSaved }) }],
    )
  }

  /** @param {Record<string, any>} values */
  async function create(values) {
    const before = form.attempt
    if (before && !isSame(before.body, values)) {
      // The last one may have been made, though no answer came. If not it is made now, and becomes what is typed.
      try {
        const first = await make(before)
        const changes = changed(first.data, values)
        const result = await book.write(kind.resource, first.data.id, () =>
          kind.update(first.data.id, changes, first.etag),
        )
        return saved(result.data)
      } catch (error) {
        if (!isProblem(error, '/problems/validation-failed') || form.attempt) throw error
      }
    }
    saved((await make(form.attempt ?? { key: newKey(), body: values })).data)
  }

  /** @param {import('./forms.js').Attempt} attempt */
  async function make(attempt) {
    form.attempt = attempt
    form.keep()
    try {
      return await book.write(kind.resource, undefined, () => kind.create(attempt.body, attempt.key))
    } catch (error) {
      // An answer that refuses it says that nothing was made.
      if (!explain(error).isUnanswered) form.attempt = undefined
      form.keep()
      throw error
    }
  }

  /** @param {Record<string, any>} values */
  async function update(values) {
    const { data, etag } = /** @type {Read} */ (base)
    const changes = changed(data, values)
    try {
      if (!Object.keys(changes).length) return saved(data)
      saved((await book.write(kind.resource, data.id, () => kind.update(data.id, changes, etag))).data)
    } catch (error) {
      if (isProblem(error, '/problems/precondition-failed')) await showBoth(values)
      else if (isProblem(error, '/problems/not-found')) showGone()
      else throw error
    }
  }

  /** Shows what is there now beside what was typed, to be chosen from. @param {Record<string, any>} mine */
  async function showBoth(mine) {
    const before = /** @type {Read} */ (base).data
    try {
      base = await kind.read(before.id)
    } catch (error) {
      if (isProblem(error, '/problems/not-found')) return showGone()
      throw error
    }
    const now = base.data
    const different = form.fields.filter(({ name }) => !isSame(now[name], mine[name]))
    // What got no answer before was done after all.
    if (!different.length) return saved(now)
    await book.know('owner', [now.owner_id, ...(now.co_owner_ids ?? [])].filter(Boolean))
    await book.know('dog', [now.dog_id])
    for (const old of form.element.querySelectorAll('.conflict')) old.remove()
    for (const field of different) {
      const isMine = !isSame(mine[field.name], before[field.name])
      const option = (/** @type {string} */ whose, /** @type {any} */ value, /** @type {boolean} */ isChosen) => {
        const choose = () => {
          field.write(value)
          form.keep()
        }
        const radio = element('input', {
          type: 'radio',
          name: `whose ${field.name}`,
          checked: isChosen,
          onchange: choose,
        })
        if (isChosen) field.write(value)
        return element('label', {}, radio, element('span', {}, `${whose}: `, element('bdi', {}, field.show(value))))
      }
      field.element.after(
        element(
          'fieldset',
          { class: 'conflict' },
          element('legend', {}, `${field.label}: which one?`),
          option('Theirs', now[field.name], !isMine),
          option('Mine', mine[field.name], isMine),
        ),
      )
    }
    form.keep()
    form.alert(
      element(
        'p',
        {},
        `Somebody else has changed this ${kind.resource} meanwhile. Choose what is to stay, and save again.`,
      ),
    )
    find('.conflict input:checked', form.element)?.focus()
  }

  function showGone() {
    const anew = () => {
      base = null
      form.clear()
      void form.submit()
    }
    form.alert(
      element('p', {}, `Somebody else has deleted this ${kind.resource} meanwhile.`),
      button('Add it as a new one', anew),
    )
  }

  /** Tells early that what is typed here will meet another change. @param {import('./book.js').Change[]} changes */
  async function notice(changes) {
    const others = changes.filter(({ resource, id }) => resource === kind.resource && id === base?.data.id)
    if (!others.length || (await book.isOwn(others)) || !form.isConnected) return
    if (!others.at(-1)?.row) return showGone()
    form.alert(
      element('p', {}, `Somebody else has just changed this ${kind.resource}. You will see both when you save.`),
    )
  }
}

/**
 * The fields that are another value than before.
 *
 * @param {Record<string, any>} before
 * @param {Record<string, any>} values
 */
const changed = (before, values) =>
  Object.fromEntries(Object.entries(values).filter(([name, value]) => !isSame(before[name], value)))

/** A name that no other create has. Pages that came by plain HTTP have no `crypto.randomUUID`. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join('-')
