// What lies above the page: dialogs, and short messages that tell what was done and how to take it back.
import { button, byId, element, find, focusScreen, icon, present, uniqueId } from './dom.js'
import { explain, isProblem } from './problems.js'

/** @typedef {import('./dom.js').Child} Child */
/** @typedef {{ label: string, run: () => void }} Action */

/** Milliseconds that a message stays, unless somebody is at it. All changes are in the history after that. */
const STAYS = 20_000
/** How many there are at once: on a narrow screen they would lie on half of it. */
const most = () => (matchMedia('(max-width: 40rem)').matches ? 1 : 3)

/**
 * Opens a dialog, which the browser keeps the focus in. `onCancel` is called when it is left by Escape or its cross.
 *
 * @param {Child[]} title
 * @param {Child[]} content
 * @param {{ onCancel?: () => void, isWide?: boolean }} [options]
 */
export function openDialog(title, content, { onCancel, isWide = false } = {}) {
  const id = uniqueId('dialog')
  const before = document.activeElement
  const heading = element('h2', { id, tabindex: '-1' }, ...title)
  const cross = element('button', { type: 'button', class: 'quiet cross', 'aria-label': 'Close' }, icon('close'))
  const dialog = element(
    'dialog',
    { 'aria-labelledby': id, class: isWide && 'wide' },
    element('div', { class: 'dialog-head' }, heading, cross),
    ...content,
  )
  const cancel = () => {
    close()
    onCancel?.()
  }
  const close = () => {
    if (!dialog.isConnected) return
    dialog.close()
    dialog.remove()
    // The browser gives the focus back, unless what had it is gone.
    if (before instanceof HTMLElement && before.isConnected && before !== document.body) before.focus()
    else if (!isDialogOpen()) focusScreen()
    retell()
  }
  cross.addEventListener('click', cancel)
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault()
    cancel()
  })
  document.body.append(dialog)
  dialog.showModal()
  // The first field, or else what the dialog is about, so that it is read from the beginning.
  ;(find('input, select, textarea', dialog) ?? heading).focus()
  return { dialog, close, cancel }
}

/** Closes all dialogs, as when another screen is gone to. What was typed is kept as a draft. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll('dialog')) {
    dialog.close()
    dialog.remove()
  }
}

const isDialogOpen = () => find('dialog[open]') !== null

/**
 * Asks before something that cannot be taken back, or is more than it seems.
 *
 * @param {string} title
 * @param {Child[]} text
 * @param {string} action what the button says that does it
 * @returns {Promise<boolean>}
 */
export function confirm(title, text, action) {
  return new Promise((answer) => {
    const end = (/** @type {boolean} */ is) => () => {
      close()
      answer(is)
    }
    const buttons = element(
      'div',
      { class: 'buttons' },
      button(action, end(true), { class: 'danger' }),
      button('Cancel', end(false)),
    )
    const { close } = openDialog([title], [element('p', {}, ...text), buttons], {
      onCancel: () => answer(false),
    })
  })
}

/**
 * Shows a message.
 *
 * @param {Child[]} content
 * @param {Action[]} [actions]
 * @param {{ isProblem?: boolean }} [options]
 */
export function tell(content, actions = [], { isProblem = false } = {}) {
  const region = byId('messages')
  const origin = document.activeElement
  const text = element('p', {}, ...present(content))
  const isUnheard = isDialogOpen()
  const message = element('div', { class: isProblem ? 'message problem' : 'message', 'data-unheard': isUnheard }, text)
  let timer = 0
  const close = () => {
    clearTimeout(timer)
    if (!message.isConnected) return
    const hadFocus = message.contains(document.activeElement)
    message.remove()
    // Not to the next message: whoever presses Enter once more would take back something else.
    if (!hadFocus) return
    if (origin instanceof HTMLElement && origin.isConnected && origin !== document.body && !region.contains(origin))
      origin.focus()
    else focusScreen()
  }
  const start = () => {
    clearTimeout(timer)
    timer = setTimeout(() => (isBusy() ? start() : close()), STAYS)
  }
  const isBusy = () => isDialogOpen() || message.matches(':hover, :focus-within')
  for (const { label, run } of actions) {
    const onclick = () => {
      close()
      run()
    }
    message.append(element('button', { type: 'button', onclick }, label))
  }
  message.append(
    element('button', { type: 'button', class: 'quiet', 'aria-label': 'Dismiss', onclick: close }, icon('close')),
  )
  region.append(message)
  while (region.children.length > most()) region.firstElementChild?.remove()
  start()
  return {
    close,
    message,
    /** Shows the actions, or hides them while they cannot be done. @param {boolean} can */
    setActive: (can) =>
      message.querySelectorAll('button:not(.quiet)').forEach((one) => one.toggleAttribute('hidden', !can)),
    setText: (/** @type {Child[]} */ next) => text.replaceChildren(...present(next)),
  }
}

/**
 * Does something that has no form, and tells if it cannot be done. What is gone already counts as done.
 *
 * @param {() => Promise<unknown>} work
 * @param {() => void} [done] what comes after it
 * @param {Child[]} [failure] what is not done then, as a sentence
 */
export async function attempt(work, done = () => {}, failure = []) {
  try {
    await work()
  } catch (error) {
    if (!isProblem(error, '/problems/not-found'))
      return void tell(
        [...failure, explain(error).text],
        [{ label: 'Try again', run: () => void attempt(work, done, failure) }],
        { isProblem: true },
      )
  }
  done()
}

// The newest message's undo, without the way to it; in a field it is the field's own.
addEventListener('keydown', (event) => {
  const isUndo = event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey
  if (!isUndo || isDialogOpen() || find(':is(input:not([type=checkbox]), textarea):focus')) return
  find('#messages > :last-child > button:not(.quiet, [hidden])')?.click()
})

/** Takes all messages away, as they are of somebody who has left. */
export function clearMessages() {
  byId('messages').replaceChildren()
}

/** Tells again what came while a dialog was open: below it a message can be neither heard nor reached. */
function retell() {
  if (isDialogOpen()) return
  for (const message of document.querySelectorAll('.message[data-unheard]')) {
    message.removeAttribute('data-unheard')
    byId('messages').append(message)
  }
}
