import * as kennel from './made/orval/kennel'
import { alice, did } from './tutorial'

const bearer = (token: string): RequestInit => ({ headers: { Authorization: `Bearer ${token}` } })

async function main(): Promise<void> {
  const user = await kennel.signup(alice)
  did('sign up', user.status === 201 && user.data.username === 'alice', user)
  const login = await kennel.login({ username: 'alice', password: alice.password })
  if (login.status !== 200) throw new Error(JSON.stringify(login))
  did('log in', login.data.user.username === 'alice', login)
  const tokens = await kennel.refresh({ refresh_token: login.data.refresh_token ?? '' })
  if (tokens.status !== 200) throw new Error(JSON.stringify(tokens))
  did('refresh', tokens.data.token_type === 'Bearer', tokens)
  const me = bearer(tokens.data.access_token)
  const owner = await kennel.createOwner({ name: 'Ann' }, me)
  if (owner.status !== 201) throw new Error(JSON.stringify(owner))
  const dog = await kennel.createDog({ name: 'Rex', owner_id: owner.data.id, born_on: '2024-05-01' }, me)
  if (dog.status !== 201) throw new Error(JSON.stringify(dog))
  did('create', dog.data.born_on === '2024-05-01', dog)
  const dogs = await kennel.listDogs({ sort: ['-born_on', 'name'], expand: ['owner', 'co_owners'] }, me)
  did('list', dogs.status === 200 && dogs.data[0]?.owner?.name === 'Ann' && dogs.data[0].co_owners?.length === 0, dogs)
  const forgotten = await kennel.updateDog(dog.data.id, { born_on: null }, me)
  did('patch with null', forgotten.status === 200 && forgotten.data.born_on === null, forgotten)
  const gone = await kennel.deleteDog(dog.data.id, me)
  did('delete', gone.status === 204, gone)
  const refused = await kennel.createOwner({ name: ' ' }, me)
  did('read an error', refused.status === 422 && refused.data.type === '/problems/validation-failed', refused)
  const end = await kennel.logout(undefined, me)
  const outside = await kennel.showMe(me)
  did('log out', end.status === 200 && outside.status === 401 && outside.data.type === '/problems/revoked-token', outside)
}

void main().catch((error: unknown) => { console.error(error); process.exitCode = 1 })
