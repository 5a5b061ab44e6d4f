// The screen of the tasks: what is due first stands first.
import { book } from './book.js'
import { badge, element, rowText, written } from './dom.js'
import { openEditor } from './editor.js'
import { choiceField, pickerField } from './fields.js'
import { daysUntil, formatAgo, formatDate, formatDays } from './format.js'
import { attempt } from './overlays.js'
import { task } from './resources.js'
import { actions, listScreen } from './screens.js'
import { kennel } from './session.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */

/** Up to how many days ahead a due day is told as seen from today. */
const NEAR = 7
/** What is asked of the server for what is shown. @type {Record<string, { completed?: boolean }>} */
const SHOWN = { done: { completed: true }, all: {} }

/** @param {URLSearchParams} given in the address */
export function tasksScreen(given) {
  return listScreen({
    title: 'Tasks',
    path: '/tasks',
    given,
    kind: task,
    none: 'Nothing is to be done.',
    sorts: [
      ['due_on', 'Due first'],
      ['-due_on', 'Due last'],
      ['name', 'Name'],
      ['-created_at', 'Added last'],
    ],
    filters: {
      completed: showField,
      dog_id: (id, onChoose) =>
        pickerField({ name: 'dog_id', label: 'Dog', resource: 'dog', value: Number(id), all: 'All dogs', onChoose }),
    },
    pages: ({ completed, ...query }) =>
      kennel.pages('/dogowner/tasks', { query: { ...query, ...(SHOWN[completed] ?? { completed: false }) } }),
    prepare: (rows) =>
      book.know(
        'dog',
        rows.map(({ dog_id }) => dog_id),
      ),
    render: (row) => renderTask(/** @type {any} */ (row)),
    className: (row) => (row.completed ? 'has-check is-done' : 'has-check'),
    mentions: (row, { resource, id }) => resource === 'dog' && row.dog_id === id,
  })
}

/**
 * @param {string} value
 * @param {(value: string) => void} set
 */
function showField(value, set) {
  const choices = /** @type {[string | undefined, string][]} */ ([
    [undefined, 'To do'],
    ['done', 'Done'],
    ['all', 'All'],
  ])
  const field = choiceField({ name: 'completed', label: 'Show', choices, value })
  field.control.addEventListener('change', () => set(field.read()))
  return field
}

/** @param {Schemas['Task']} row */
function renderTask(row) {
  const tick = element('input', {
    type: 'checkbox',
    'aria-label': `Done: ${row.name}`,
    'data-action': 'Done',
    onchange: () => void complete(row, tick),
  })
  tick.checked = row.completed
  const { completed_at, due_on, dog_id } = row
  const dog = dog_id && element('span', {}, 'for ', written(book.rows.dog.get(dog_id)?.name ?? '…'))
  const time = completed_at ? due_on && `due: ${formatDate(due_on)}` : due_on && due(due_on)
  const done = completed_at && `done: ${formatAgo(completed_at)}`
  return [
    element('label', { class: 'tick' }, tick),
    rowText([written(row.name)], [dog || null, time, done], () => void openEditor(task, { id: row.id })),
    actions(row, task),
  ]
}

/** @param {string} date */
function due(date) {
  const days = daysUntil(date)
  const words = Math.abs(days) <= NEAR ? `${formatDays(days)}, ${formatDate(date)}` : formatDate(date)
  if (days < 0) return badge('over', `overdue: ${words}`)
  return days === 0 ? badge('late', `due: ${words}`) : `due: ${words}`
}

/**
 * Does a task, or opens it again. The message that tells of it takes it back.
 *
 * @param {Schemas['Task']} row
 * @param {HTMLInputElement} tick
 */
async function complete(row, tick) {
  const completed = tick.checked
  const work = () =>
    book
      .write('task', row.id, () => task.update(row.id, { completed }, '*'))
      .catch((error) => {
        tick.checked = !completed
        throw error
      })
  await attempt(work, undefined, [written(row.name), ' was not changed. '])
}
