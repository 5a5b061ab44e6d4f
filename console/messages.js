// Short messages at the edge of the page, which tell what was done and how to take it back.
import { dialogClosed, isDialogOpen } from './dialogs.js'
import { byId, element, find, focusScreen, icon, present } from './dom.js'
import { explain, isProblem } from './problems.js'

/** @typedef {{ label: string, run: () => void }} Action */

/** Milliseconds that a message stays, unless somebody is at it. All changes are in the history after that. */
const STAYS = 20_000
const MOST = 3

/**
 * Shows a message.
 *
 * @param {import('./dom.js').Child[]} content
 * @param {Action[]} [actions]
 * @param {{ isProblem?: boolean }} [options]
 */
export function tell(content, actions = [], { isProblem = false } = {}) {
  const region = byId('messages')
  const text = element('p', {}, ...present(content))
  const message = element('div', { class: isProblem ? 'message problem' : 'message' }, text)
  let timer = 0
  const close = () => {
    clearTimeout(timer)
    if (!message.isConnected) return
    const hadFocus = message.contains(document.activeElement)
    const next = message.nextElementSibling ?? message.previousElementSibling
    message.remove()
    if (hadFocus && next) find('button', next)?.focus()
    else if (hadFocus) focusScreen()
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
  while (region.children.length > MOST) region.firstElementChild?.remove()
  start()
  return {
    close,
    message,
    setText: (/** @type {import('./dom.js').Child[]} */ next) => text.replaceChildren(...present(next)),
  }
}

/**
 * Does something that has no form, and tells if it cannot be done. What is gone already counts as done.
 *
 * @param {() => Promise<unknown>} work
 * @param {() => void} [done] what comes after it
 */
export async function attempt(work, done = () => {}) {
  try {
    await work()
  } catch (error) {
    if (!isProblem(error, '/problems/not-found'))
      return void tell([explain(error).text], [{ label: 'Try again', run: () => void attempt(work, done) }], {
        isProblem: true,
      })
  }
  done()
}

/** Takes all messages away, as they are of somebody who has left. */
export function clearMessages() {
  byId('messages').replaceChildren()
}

// What is below a dialog can be neither heard nor reached: it is told again when the dialog has closed.
dialogClosed.subscribe(() => {
  const region = byId('messages')
  if (!isDialogOpen() && region.children.length) region.append(...region.children)
})
