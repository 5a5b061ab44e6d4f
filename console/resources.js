// The three kinds of rows of a book: how each is read and written, and what its form asks for.
import { checkField, pickerField, textField } from './fields.js'
import { kennel } from './session.js'
import { patience } from './forms.js'

/** @typedef {import('./kennel.js').Schemas} Schemas */
/** @typedef {import('./fields.js').Field} Field */
/** @typedef {import('./book.js').Resource} Resource */
/** @typedef {{ data: any, etag: string | undefined }} Read */

/**
 * A kind of rows. An `etag` goes with what is changed, so that nobody's change is lost, and a key with what is made, so
 * that it is made once.
 *
 * @typedef {object} Kind
 * @property {Resource | 'account' | 'page'} resource
 * @property {string} [title] of its form, unless it is the name of the row
 * @property {(id: number) => Promise<Read>} read
 * @property {(body: any, idempotencyKey: string) => Promise<Read>} create
 * @property {(id: number, body: any, ifMatch: string | undefined) => Promise<Read>} update
 * @property {(id: number) => Promise<{ data: undefined }>} remove
 * @property {(row: Record<string, any>) => Field[]} fields of a row, or of what a new one begins with
 */

/** @typedef {Kind & { resource: Resource }} RowKind */

/** @type {RowKind} */
export const owner = {
  resource: 'owner',
  read: (owner_id) => kennel.get('/dogowner/owners/{owner_id}', { path: { owner_id }, signal: patience() }),
  create: (body, idempotencyKey) => kennel.post('/dogowner/owners', { body, idempotencyKey, signal: patience() }),
  update: (owner_id, body, ifMatch) =>
    kennel.patch('/dogowner/owners/{owner_id}', { path: { owner_id }, body, ifMatch, signal: patience() }),
  remove: (owner_id) => kennel.delete('/dogowner/owners/{owner_id}', { path: { owner_id }, signal: patience() }),
  fields: ({ name }) => [textField({ name: 'name', label: 'Name', value: name, isNeeded: true })],
}

/** @type {RowKind} */
export const dog = {
  resource: 'dog',
  read: (dog_id) => kennel.get('/dogowner/dogs/{dog_id}', { path: { dog_id }, signal: patience() }),
  create: (body, idempotencyKey) => kennel.post('/dogowner/dogs', { body, idempotencyKey, signal: patience() }),
  update: (dog_id, body, ifMatch) =>
    kennel.patch('/dogowner/dogs/{dog_id}', { path: { dog_id }, body, ifMatch, signal: patience() }),
  remove: (dog_id) => kennel.delete('/dogowner/dogs/{dog_id}', { path: { dog_id }, signal: patience() }),
  fields: ({ name, owner_id, co_owner_ids, born_on }) => {
    const owner = pickerField({
      name: 'owner_id',
      label: 'Owner',
      resource: 'owner',
      value: owner_id,
      canAdd: true,
      isNeeded: true,
      onChoose: (id) => others.write(others.read().filter((/** @type {number} */ other) => other !== id)),
    })
    const others = pickerField({
      name: 'co_owner_ids',
      label: 'Co-owners',
      resource: 'owner',
      value: co_owner_ids ?? [],
      isMany: true,
      canAdd: true,
      except: owner.read,
    })
    return [
      textField({ name: 'name', label: 'Name', value: name, isNeeded: true }),
      owner,
      others,
      textField({
        name: 'born_on',
        label: 'Birthday',
        type: 'date',
        value: born_on,
        hint: 'Leave it empty if nobody knows.',
        ahead: 'This day is still to come.',
      }),
    ]
  },
}

/** @type {RowKind} */
export const task = {
  resource: 'task',
  read: (task_id) => kennel.get('/dogowner/tasks/{task_id}', { path: { task_id }, signal: patience() }),
  create: (body, idempotencyKey) => kennel.post('/dogowner/tasks', { body, idempotencyKey, signal: patience() }),
  update: (task_id, body, ifMatch) =>
    kennel.patch('/dogowner/tasks/{task_id}', { path: { task_id }, body, ifMatch, signal: patience() }),
  remove: (task_id) => kennel.delete('/dogowner/tasks/{task_id}', { path: { task_id }, signal: patience() }),
  fields: ({ id, name, dog_id, due_on, completed }) => [
    textField({ name: 'name', label: 'Task', value: name, isNeeded: true, hint: 'What is to be done.' }),
    pickerField({
      name: 'dog_id',
      label: 'Dog',
      resource: 'dog',
      value: dog_id ?? null,
      hint: 'Leave it empty if it is for none in particular.',
    }),
    textField({
      name: 'due_on',
      label: 'Due',
      type: 'date',
      value: due_on,
      hint: 'A day, or nothing if it does not matter when. Write a time into the task.',
    }),
    ...(id ? [checkField({ name: 'completed', label: 'Done', value: completed })] : []),
  ],
}

/** What one's account says of oneself. It is edited as a row is. @type {Kind} */
export const account = {
  resource: 'account',
  title: 'Edit your account',
  read: () => kennel.get('/me', { signal: patience() }),
  create: () => Promise.reject(new TypeError('There is an account.')),
  update: (_, body, ifMatch) => kennel.patch('/me', { body, ifMatch, signal: patience() }),
  remove: () => Promise.reject(new TypeError('It takes a password.')),
  fields: ({ username, email }) => [
    textField({
      name: 'username',
      label: 'Username',
      value: username,
      isNeeded: true,
      hint: 'Your public page moves with it.',
    }),
    textField({
      name: 'email',
      label: 'E-mail',
      type: 'email',
      value: email,
      isNeeded: true,
      hint: 'It changes once you open the link in the mail to the new address.',
    }),
  ],
}

/** One's public page. @type {Kind} */
export const page = {
  resource: 'page',
  title: 'Your public page',
  read: () => kennel.get('/me/profile', { signal: patience() }),
  create: (body) => kennel.put('/me/profile', { body, ifNoneMatch: '*', signal: patience() }),
  update: (_, body, ifMatch) => kennel.put('/me/profile', { body, ifMatch, signal: patience() }),
  remove: () => kennel.delete('/me/profile', { signal: patience() }),
  fields: ({ description }) => [
    textField({
      name: 'description',
      label: 'About you and your dogs',
      value: description,
      isNeeded: true,
      rows: 4,
      hint:
        'Needed. Everybody sees it, your username, and the names and ages of your dogs. ' +
        'Programs are told, too, when the page and each dog were added. Nobody sees anything else.',
    }),
  ],
}
