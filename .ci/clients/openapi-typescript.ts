import createClient from 'openapi-fetch'
import type { paths } from './made/openapi-typescript/kennel'
import { alice, did, url } from './tutorial'

let token = ''
const kennel = createClient<paths>({ baseUrl: url })
kennel.use({ onRequest: ({ request }) => { if (token) request.headers.set('Authorization', `Bearer ${token}`) } })

async function main(): Promise<void> {
  const user = await kennel.POST('/auth/signup', { body: alice })
  did('sign up', user.data?.username === 'alice', user.error)
  const login = await kennel.POST('/auth/login', { body: { username: 'alice', password: alice.password } })
  did('log in', login.data?.user.id === user.data?.id, login.error)
  const tokens = await kennel.POST('/auth/refresh', { body: { refresh_token: login.data?.refresh_token ?? '' } })
  did('refresh', tokens.data?.token_type === 'Bearer', tokens.error)
  token = tokens.data?.access_token ?? ''
  const owner = await kennel.POST('/dogowner/owners', { body: { name: 'Ann' } })
  const owner_id = owner.data?.id ?? 0
  const dog = await kennel.POST('/dogowner/dogs', { body: { name: 'Rex', owner_id, born_on: '2024-05-01' } })
  const dog_id = dog.data?.id ?? 0
  did('create', dog.data?.born_on === '2024-05-01', [owner.error, dog.error])
  const query = { sort: ['-born_on' as const, 'name' as const], expand: ['owner' as const, 'co_owners' as const] }
  const dogs = await kennel.GET('/dogowner/dogs', { params: { query } })
  did('list', dogs.data?.[0]?.owner?.name === 'Ann' && dogs.data[0].co_owners?.length === 0, dogs.error)
  const forgotten = await kennel.PATCH('/dogowner/dogs/{dog_id}', { params: { path: { dog_id } }, body: { born_on: null } })
  did('patch with null', forgotten.data?.born_on === null, forgotten.error)
  const gone = await kennel.DELETE('/dogowner/dogs/{dog_id}', { params: { path: { dog_id } } })
  did('delete', gone.response.status === 204, gone.error)
  const refused = await kennel.POST('/dogowner/owners', { body: { name: ' ' } })
  const isRefused = refused.error?.type === '/problems/validation-failed' && refused.error.errors?.[0]?.pointer === '/name'
  did('read an error', isRefused, refused)
  const end = await kennel.POST('/auth/logout', {})
  const outside = await kennel.GET('/me', {})
  did('log out', end.response.ok && outside.error?.type === '/problems/revoked-token', outside)
}

void main().catch((error: unknown) => { console.error(error); process.exitCode = 1 })
