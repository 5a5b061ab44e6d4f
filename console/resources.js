// The three kinds of rows of a book: how each is read and written, and what its form asks for.
import { checkField, textField } from './fields.js'
import { kennel } from './session.js'
import { patience } from './forms.js'
import { pickerField } from './picker.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {import('./fields.js').Field} Field */
/** @typedef {import('./book.js').Resource} Resource */
/** @typedef {{ data: any, etag: string | undefined }} Read */

/**
 * A kind of rows. An `etag` goes with what is changed, so that nobody's change is lost, and a key with what is made, so
 * that it is made once.
 *
 * @typedef {object} Kind
 * @property {Resource} resource
 * @property {(id: number) => Promise<Read>} read
 * @property {(body: any, idempotencyKey: string) => Promise<Read>} create
 * @property {(id: number, body: any, ifMatch: string | undefined) => Promise<Read>} update
 * @property {(id: number) => Promise<{ data: undefined }>} remove
 * @property {(row: Record<string, any>) => Field[]} fields of a row, or of what a new one begins with
 */

/** @type {Kind} */
export const owner = {
  resource: 'owner',
  read: (owner_id) => kennel.get('/dogowner/owners/{owner_id}', { path: { owner_id }, signal: patience() }),
  create: (body, idempotencyKey) => kennel.post('/dogowner/owners', { body, idempotencyKey, signal: patience() }),
  update: (owner_id, body, ifMatch) =>
    kennel.patch('/dogowner/owners/{owner_id}', { path: { owner_id }, body, ifMatch, signal: patience() }),
  remove: (owner_id) => kennel.delete('/dogowner/owners/{owner_id}', { path: { owner_id }, signal: patience() }),
  fields: ({ name }) => [textField({ name: 'name', label: 'Name', value: name })],
}

/** @type {Kind} */
export const dog = {
  resource: 'dog',
  read: (dog_id) => kennel.get('/dogowner/dogs/{dog_id}', { path: { dog_id }, signal: patience() }),
  create: (body, idempotencyKey) => kennel.post('/dogowner/dogs', { body, idempotencyKey, signal: patience() }),
  update: (dog_id, body, ifMatch) =>
    kennel.patch('/dogowner/dogs/{dog_id}', { path: { dog_id }, body, ifMatch, signal: patience() }),
  remove: (dog_id) => kennel.delete('/dogowner/dogs/{dog_id}', { path: { dog_id }, signal: patience() }),
  fields: ({ name, owner_id, co_owner_ids, born_on }) => [
    textField({ name: 'name', label: 'Name', value: name }),
    pickerField({ name: 'owner_id', label: 'Owner', resource: 'owner', value: owner_id, canAdd: true }),
    pickerField({ name: 'co_owner_ids', label: 'Co-owners', resource: 'owner', value: co_owner_ids ?? [], isMany: true, canAdd: true }),
    textField({ name: 'born_on', label: 'Birthday', type: 'date', value: born_on, hint: 'Leave it empty if nobody knows.' }),
  ],
}

/** @type {Kind} */
export const task = {
  resource: 'task',
  read: (task_id) => kennel.get('/dogowner/tasks/{task_id}', { path: { task_id }, signal: patience() }),
  create: (body, idempotencyKey) => kennel.post('/dogowner/tasks', { body, idempotencyKey, signal: patience() }),
  update: (task_id, body, ifMatch) =>
    kennel.patch('/dogowner/tasks/{task_id}', { path: { task_id }, body, ifMatch, signal: patience() }),
  remove: (task_id) => kennel.delete('/dogowner/tasks/{task_id}', { path: { task_id }, signal: patience() }),
  fields: ({ id, name, dog_id, due_on, completed }) => [
    textField({ name: 'name', label: 'Task', value: name, hint: 'What is to be done.' }),
    pickerField({ name: 'dog_id', label: 'Dog', resource: 'dog', value: dog_id ?? null, hint: 'Leave it empty if it is for none in particular.' }),
    textField({ name: 'due_on', label: 'Due', type: 'date', value: due_on, hint: 'Leave it empty if it does not matter when.' }),
    ...(id ? [checkField({ name: 'completed', label: 'Done', value: completed })] : []),
  ],
}

export const kinds = { owner, dog, task }
