import { client } from './made/hey-api/client.gen'
import * as kennel from './made/hey-api'
import { alice, did, url } from './tutorial'

let token = ''
client.setConfig({ baseUrl: url, auth: () => token })

async function main(): Promise<void> {
  const user = await kennel.signup({ body: alice })
  did('sign up', user.data?.username === 'alice', user.error)
  const login = await kennel.login({ body: { username: 'alice', password: alice.password } })
  did('log in', login.data?.user.id === user.data?.id, login.error)
  const tokens = await kennel.refresh({ body: { refresh_token: login.data?.refresh_token ?? '' } })
  did('refresh', tokens.data?.token_type === 'Bearer', tokens.error)
  token = tokens.data?.access_token ?? ''
  const owner = await kennel.createOwner({ body: { name: 'Ann' } })
  const owner_id = owner.data?.id ?? 0
  const dog = await kennel.createDog({ body: { name: 'Rex', owner_id, born_on: '2024-05-01' } })
  const dog_id = dog.data?.id ?? 0
  did('create', dog.data?.born_on === '2024-05-01', [owner.error, dog.error])
  const dogs = await kennel.listDogs({ query: { sort: ['-born_on', 'name'], expand: ['owner', 'co_owners'] } })
  did('list', dogs.data?.[0]?.owner?.name === 'Ann' && dogs.data[0].co_owners?.length === 0, dogs.error)
  const forgotten = await kennel.updateDog({ path: { dog_id }, body: { born_on: null } })
  did('patch with null', forgotten.data?.born_on === null, forgotten.error)
  const gone = await kennel.deleteDog({ path: { dog_id } })
  did('delete', gone.response?.status === 204, gone.error)
  const refused = await kennel.createOwner({ body: { name: ' ' } })
  const isRefused = refused.error?.type === '/problems/validation-failed' && refused.error.errors?.[0]?.pointer === '/name'
  did('read an error', isRefused, refused.error)
  const end = await kennel.logout()
  const outside = await kennel.showMe()
  did('log out', end.data !== undefined && outside.error?.type === '/problems/revoked-token', outside.error)
}

void main().catch((error: unknown) => { console.error(error); process.exitCode = 1 })
