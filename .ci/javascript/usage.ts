// How the client is used, and what of it must not compile. Nobody runs this; `tsc --strict` reads it.
import { Kennel, KennelError, type Change, type Schemas } from 'kennel-client'

const kennel = new Kennel('http://localhost:8000', { cookie: true, onUserChange: (user) => user?.username.trim() })
new Kennel(new URL('http://localhost:8000'), { accessToken: 'eyJ…', fetch: (url, init) => fetch(url, init) })
new Kennel('http://localhost:8000', { apiKey: 'kennel_…' })

export async function used(signal: AbortSignal): Promise<void> {
  const account = await kennel.signup({ username: 'alice', email: 'alice@example.com', password: 'two dogs, one sofa' })
  const user: Schemas['User'] = await kennel.login({ username: account.username, password: 'two dogs, one sofa' })
  const again: Schemas['User'] | null = await kennel.refresh()
  const { data: owner } = await kennel.post('/dogowner/owners', { body: { name: 'Ann' }, idempotencyKey: 'one' })
  const { data: dog, etag } = await kennel.post('/dogowner/dogs', {
    body: { name: 'Rex', owner_id: owner.id, born_on: null },
  })
  const path = { dog_id: dog.id }
  const changed = await kennel.patch('/dogowner/dogs/{dog_id}', {
    path,
    body: { born_on: null },
    ifMatch: etag,
    signal,
  })
  const born: string | null = changed.data.born_on
  await kennel.put('/me/profile', { body: { description: 'Two dogs, one sofa.' }, ifNoneMatch: '*' })
  const gone: undefined = (
    await kennel.delete('/dogowner/owners/{owner_id}', { path: { owner_id: owner.id }, query: { force: true } })
  ).data
  const dogs: Schemas['Dog'][] = (await kennel.get('/dogowner/dogs')).data
  for await (const task of kennel.list('/dogowner/tasks', {
    query: { sort: ['-due_on', 'name'], completed: false, id: [1, 2] },
  })) {
    const due: string | null = task.due_on
    console.log(due)
  }
  for await (const { data, isLast } of kennel.pages('/dogowner/dogs', { query: { limit: 10 } })) {
    data satisfies Schemas['Dog'][]
    if (isLast satisfies boolean) break
  }
  for await (const { age } of kennel.list('/dogs')) console.log(age satisfies number | null)
  const known = (await kennel.get('/dogowner/changes', { query: { resource: 'dog', id: dog.id, sort: '-seq' } })).data
  for await (const change of kennel.follow({ after: known[0]?.seq ?? 0, signal })) {
    change satisfies Change
    if (change.resource === 'dog') change.row satisfies Schemas['Dog'] | null
    if (change.resource === 'task') console.log(change.row?.due_on, change.was?.['due_on'])
    // @ts-expect-error: whose row it is, `resource` tells
    console.log(change.row?.owner_id)
    // @ts-expect-error: no such kind of row
    if (change.resource === 'cat') break
  }
  kennel.follow({ onConnection: (isConnected: boolean, error) => console.log(isConnected, error?.retryAfter) })
  // @ts-expect-error: a number, as in the book
  kennel.follow({ after: '7' })
  // @ts-expect-error: all changes are followed
  kennel.follow({ resource: 'dog' })
  await kennel.post('/auth/password/forgot', { body: { email: user.email } })
  await kennel.get('/users/{username}', { path: { username: 'alice' } })
  await kennel.logout()
  console.log(again, born, gone, dogs)

  // @ts-expect-error: no such path
  await kennel.get('/dogowner/dgos')
  // @ts-expect-error: the client would not know of it
  await kennel.post('/auth/logout')
  // @ts-expect-error: no such method at this path
  await kennel.patch('/dogowner/dogs', { body: { name: 'Rex' } })
  // @ts-expect-error: the path has a parameter
  await kennel.get('/dogowner/dogs/{dog_id}')
  // @ts-expect-error: of another name
  await kennel.get('/dogowner/dogs/{dog_id}', { path: { id: 1 } })
  // @ts-expect-error: and of another type
  await kennel.get('/dogowner/dogs/{dog_id}', { path: { dog_id: 'one' } })
  // @ts-expect-error: no such query parameter
  await kennel.get('/dogowner/dogs', { query: { colour: 'black' } })
  // @ts-expect-error: no such key to sort by
  await kennel.get('/dogowner/dogs', { query: { sort: ['colour'] } })
  // @ts-expect-error: this call has no query
  await kennel.get('/me', { query: { limit: 1 } })
  // @ts-expect-error: the body is needed
  await kennel.post('/dogowner/owners')
  // @ts-expect-error: a field is needed
  await kennel.post('/dogowner/dogs', { body: { name: 'Rex' } })
  // @ts-expect-error: no such field
  await kennel.post('/dogowner/owners', { body: { name: 'Ann', colour: 'black' } })
  // @ts-expect-error: a field of another type
  await kennel.patch('/dogowner/dogs/{dog_id}', { path, body: { name: null } })
  // @ts-expect-error: a read takes no body
  await kennel.get('/me', { body: {} })
  // @ts-expect-error: a create has no version yet
  await kennel.post('/dogowner/owners', { body: { name: 'Ann' }, ifMatch: '"1"' })
  // @ts-expect-error: what is no create has no key
  await kennel.put('/me/profile', { body: { description: 'Two dogs, one sofa.' }, idempotencyKey: 'one' })
  // @ts-expect-error: nor has a mail
  await kennel.post('/auth/password/forgot', { body: { email: 'alice@example.com' }, idempotencyKey: 'one' })
  // @ts-expect-error: sessions have no version
  await kennel.delete('/me/sessions', { ifMatch: '"1"' })
  // @ts-expect-error: and a read has no precondition, since the browser's cache sees to that
  await kennel.get('/me', { ifNoneMatch: '"1"' })
  // @ts-expect-error: no such field in the answer
  console.log((await kennel.get('/me')).data.colour)
  // @ts-expect-error: an answer without a body
  console.log((await kennel.delete('/me')).data.id)
  // @ts-expect-error: not a list
  for await (const row of kennel.list('/me')) console.log(row)
  // @ts-expect-error: a list, but without pages
  for await (const row of kennel.list('/problems')) console.log(row)
  // @ts-expect-error: a dog has no colour
  for await (const row of kennel.list('/dogowner/dogs')) console.log(row.colour)
  // @ts-expect-error: the client sees to the cookie itself
  await kennel.login({ username: 'alice', password: 'two dogs, one sofa', cookie: true })
  // @ts-expect-error: no such option
  new Kennel('', { cookies: true })
  // @ts-expect-error: a token that is given is never refreshed
  new Kennel('', { accessToken: 'eyJ…', cookie: true })
  // @ts-expect-error: one proof is enough
  new Kennel('', { apiKey: 'kennel_…', accessToken: 'eyJ…' })
  // @ts-expect-error: nobody but the client says who is logged in
  kennel.user = null
}

export function told(error: unknown): string {
  if (!(error instanceof KennelError)) throw error
  // @ts-expect-error: no such problem
  if (error.type === '/problems/validation-faild') return ''
  switch (error.type) {
    case '/problems/validation-failed':
      error.status satisfies 422
      return error.errors.map(({ pointer, parameter, code }) => `${pointer ?? parameter}: ${code}`).join()
    case '/problems/precondition-failed':
      return (error.status satisfies 412, 'read it again')
    case '/problems/too-many-requests':
    case '/problems/too-many-attempts':
      return `again in ${(error.retryAfter satisfies number).toFixed()} s`
    case '/problems/overloaded':
      // @ts-expect-error: of this one the contract does not say that it tells so
      return `again in ${error.retryAfter.toFixed()} s`
    case 'about:blank':
      return error.status === 0 ? String(error.cause) : `${error.status}`
    default:
      return `${error.message} ${error.requestId ?? ''} ${error.stack ?? ''}`
  }
}
