// The screen of the tasks: what is due first stands first.
import { book } from './book.js'
import './changes.js'
import { actions, addButton, head, nothing, remove, tellFailure } from './dogs.js'
import { element, written } from './dom.js'
import { openEditor } from './editor.js'
import { choiceField } from './fields.js'
import { daysUntil, formatAgo, formatDate, formatDay } from './format.js'
import { LiveList } from './list.js'
import { pickerField } from './picker.js'
import { task } from './resources.js'
import { kennel } from './session.js'
import { searchTools } from './tools.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */

/** Up to how many days ahead a due day is told as seen from today. */
const NEAR = 7

/**
 * @param {URLSearchParams} query of the address
 * @returns {import('./main.js').Screen}
 */
export function tasksScreen(query) {
  const add = () => void openEditor(task, { start: { dog_id: Number(query.get('dog_id')) || null } })
  const list = new LiveList({
    resource: 'task',
    label: 'Tasks',
    pages: ({ completed, ...query }) => kennel.pages('/dogowner/tasks', { query: { ...query, ...(completed === 'all' ? {} : { completed: completed === 'true' }) } }),
    prepare: (rows) => book.know('dog', rows.map(({ dog_id }) => dog_id)),
    render: (row) => renderTask(/** @type {any} */ (row)),
    className: (row) => (row.completed ? 'has-check is-done' : 'has-check'),
    mentions: (row, { resource, id }) => resource === 'dog' && row.dog_id === id,
    empty: (query) => nothing(query, query.completed === 'true' ? 'Nothing is done yet.' : 'Nothing is to be done.', 'Add a task', add),
  })
  const show = choiceField({
    name: 'completed',
    label: 'Show',
    choices: [[undefined, 'To do'], ['true', 'Done'], ['all', 'All']],
    value: query.get('completed') ?? undefined,
  })
  show.control.addEventListener('change', () => tools.set('completed', show.read()))
  const dogField = pickerField({
    name: 'dog_id',
    label: 'Dog',
    resource: 'dog',
    value: Number(query.get('dog_id')) || null,
    onChoose: (value) => tools.set('dog_id', value ?? undefined),
  })
  const tools = searchTools({
    query,
    path: '/tasks',
    sorts: [['due_on', 'Due first'], ['-due_on', 'Due last'], ['name', 'Name'], ['-created_at', 'Added last']],
    filters: ['dog_id', 'completed'],
    extra: [show.element, dogField.element],
    onChange: (query) => void list.show(query),
  })
  return {
    title: 'Tasks',
    content: element('div', {}, head('Tasks', addButton('Add task', add)),
      element('section', { 'aria-label': 'Your tasks' }, tools.element, list.element)),
    close() {
      list.close()
      tools.close()
    },
  }
}

/** @param {Schemas['Task']} row */
function renderTask(row) {
  const tick = element('input', { type: 'checkbox', 'aria-label': `Done: ${row.name}`, 'data-action': 'Done', onchange: () => void complete(row, tick) })
  tick.checked = row.completed
  const facts = element('div', { class: 'facts' })
  if (row.dog_id) facts.append(element('span', {}, 'for ', written(book.rows.dog.get(row.dog_id)?.name ?? '…')))
  if (row.completed_at) facts.append(element('span', {}, `done ${formatAgo(row.completed_at)}`))
  else if (row.due_on) facts.append(due(row.due_on))
  return [
    element('label', { class: 'tick' }, tick),
    element('div', {}, element('div', { class: 'title' }, written(row.name)), facts),
    actions(row, task, () => void remove(task, row)),
  ]
}

/** @param {string} date */
function due(date) {
  const days = daysUntil(date)
  const words = Math.abs(days) <= NEAR ? `${formatDay(date)}, ${formatDate(date)}` : formatDate(date)
  if (days < 0) return element('span', { class: 'badge over' }, `overdue: ${words}`)
  return element('span', { class: days === 0 ? 'badge late' : '' }, `due ${words}`)
}

/**
 * Does a task, or opens it again. The message that tells of it takes it back.
 *
 * @param {Schemas['Task']} row
 * @param {HTMLInputElement} tick
 */
async function complete(row, tick) {
  const completed = tick.checked
  tick.setAttribute('aria-busy', 'true')
  try {
    await book.write('task', row.id, () => task.update(row.id, { completed }, '*'))
  } catch (error) {
    tick.checked = !completed
    const again = () => {
      tick.checked = completed
      void complete(row, tick)
    }
    tellFailure(error, again)
  } finally {
    tick.removeAttribute('aria-busy')
  }
}
