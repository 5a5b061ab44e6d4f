// The public page of somebody, for everybody. Nothing of who looks at it is needed, or shown.
import { button, element, find, focusScreen, written } from './dom.js'
import { count, formatNumber } from './format.js'
import { explain, isProblem } from './problems.js'
import { publicDogs } from './screens.js'
import { kennel } from './session.js'

/** How many dogs come at once. */
const SHOWN = 50

/**
 * @param {string} username
 * @returns {import('./main.js').Screen}
 */
export function userScreen(username) {
  const heading = element('h1', { tabindex: '-1' }, written(username))
  const content = element('div', { class: 'panel-content' }, element('p', { class: 'hint' }, 'Loading…'))
  const path = { username }

  async function load() {
    try {
      const { data: user } = await kennel.get('/users/{username}', { path })
      const list = dogs(user.dogs_count)
      content.replaceChildren(element('p', {}, written(user.description)), list.element)
      await list.showMore()
    } catch (error) {
      if (!isProblem(error, '/problems/not-found')) return content.replaceChildren(...problem(error, load))
      heading.replaceChildren('There is no such public page.')
      content.replaceChildren(element('p', {}, 'Perhaps it was taken off, or has another address by now.'))
      if (heading.isConnected) document.title = 'No such page – Kennel'
    }
  }

  /** @param {number} total */
  function dogs(total) {
    const pages = () => kennel.pages('/users/{username}/dogs', { path, query: { limit: SHOWN } })
    const status = element('p', { class: 'faint', role: 'status' })
    const rows = element('ul', { class: 'public', 'aria-label': 'Dogs' })
    const below = element('div')
    let rest = pages()
    async function showMore() {
      try {
        const { value: page } = await rest.next()
        const items = publicDogs(page?.data ?? [])
        const isFirst = !rows.children.length
        rows.append(...items)
        const shown = rows.children.length
        const all = shown ? count(shown, 'dog') : 'No dogs yet.'
        status.textContent = shown < total ? `${formatNumber(shown)} of ${count(total, 'dog')}` : all
        const hadFocus = below.contains(document.activeElement)
        const isLast = page?.isLast ?? true
        below.replaceChildren(...(isLast ? [] : [button('Show more', () => void showMore())]))
        if (isFirst || !hadFocus) return
        if (isLast) focusScreen()
        else find('button', below)?.focus()
      } catch (error) {
        // The chain of pages is broken with it.
        rest = pages()
        rows.replaceChildren()
        below.replaceChildren(...problem(error, showMore))
      }
    }
    return { element: element('div', { class: 'panel-content' }, status, rows, below), showMore }
  }

  void load()
  return { title: username, content: element('div', { class: 'card' }, heading, content) }
}

/**
 * @param {unknown} error
 * @param {() => Promise<unknown>} again
 */
const problem = (error, again) => [
  element('p', { role: 'alert' }, explain(error).text),
  button('Try again', () => void again()),
]
