import { AuthApi, Configuration, DogsApi, MeApi, OwnersApi, ResponseError } from './made/openapi-generator-typescript'
import { alice, did, url } from './tutorial'

let token = ''
const configuration = new Configuration({ basePath: url, accessToken: () => token })
const [auth, dogs, owners] = [new AuthApi(configuration), new DogsApi(configuration), new OwnersApi(configuration)]

async function problem(asked: Promise<unknown>): Promise<{ type: string }> {
  return asked.then(() => ({ type: 'none' }), (error: unknown) => {
    if (error instanceof ResponseError) return error.response.json()
    throw error
  })
}

async function main(): Promise<void> {
  const user = await auth.signup({ signupIn: alice })
  did('sign up', user.username === 'alice', user)
  const login = await auth.login({ loginIn: { username: 'alice', password: alice.password } })
  did('log in', login.user.id === user.id, login)
  const tokens = await auth.refresh({ refreshIn: { refreshToken: login.refreshToken ?? '' } })
  did('refresh', tokens.tokenType === 'Bearer', tokens)
  token = tokens.accessToken
  const owner = await owners.createOwner({ ownerIn: { name: 'Ann' } })
  const other = await owners.createOwner({ ownerIn: { name: 'Ben' } })
  const rex = { name: 'Rex', ownerId: owner.id, coOwnerIds: [other.id], bornOn: new Date('2024-05-01') }
  const dog = await dogs.createDog({ dogIn: rex })
  did('create', dog.bornOn?.toISOString().startsWith('2024-05-01') === true, dog)
  const listed = await dogs.listDogs({ sort: ['-born_on', 'name'], expand: ['owner', 'co_owners'] })
  did('list', listed[0]?.owner?.name === 'Ann' && listed[0].coOwners?.length === 1, listed)
  const forgotten = await dogs.updateDog({ dogId: dog.id, dogPatch: { bornOn: null, coOwnerIds: null } })
  did('patch with null', forgotten.bornOn === null && forgotten.coOwnerIds.length === 0, forgotten)
  await dogs.deleteDog({ dogId: dog.id })
  did('delete', (await dogs.listDogs()).length === 0, dog)
  const refused = await problem(owners.createOwner({ ownerIn: { name: ' ' } }))
  did('read an error', refused.type === '/problems/validation-failed', refused)
  await auth.logout()
  const outside = await problem(new MeApi(configuration).showMe())
  did('log out', outside.type === '/problems/revoked-token', outside)
}

void main().catch((error: unknown) => { console.error(error); process.exitCode = 1 })
