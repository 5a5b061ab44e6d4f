// Windows above the page. The browser's own element keeps the focus inside, and closes with Escape.
import { button, element, find, focusScreen, icon, uniqueId } from './dom.js'
import { Topic } from './topic.js'

/** Is told when a dialog has closed, as what waited for it may go on. @type {Topic<void>} */
export const dialogClosed = new Topic()

/**
 * Opens a dialog. `onCancel` is called when it is left by Escape or its cross.
 *
 * @param {import('./dom.js').Child[]} title
 * @param {import('./dom.js').Child[]} content
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
    dialogClosed.publish()
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

export const isDialogOpen = () => find('dialog[open]') !== null

/**
 * Asks before something that cannot be taken back, or is more than it seems.
 *
 * @param {string} title
 * @param {import('./dom.js').Child[]} text
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
