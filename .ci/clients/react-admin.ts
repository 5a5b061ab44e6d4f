// The data provider of docs/clients, as react-admin calls it: through the wrapper that applications put around theirs.
import { HttpError, withLifecycleCallbacks } from 'react-admin'
import { kennel } from './docs/react-admin'
import { did, signIn, url } from './tutorial'

async function main(): Promise<void> {
  const token = await signIn()
  const provider = withLifecycleCallbacks(kennel(url, () => token), [])
  const created = []
  for (const name of ['Ann', 'Ben', 'Cleo']) created.push((await provider.create('owners', { data: { name } })).data)
  const [ann, ben] = created
  const born = { born_on: '2024-05-01' }
  const dogs = await Promise.all(['Rex', 'Lex'].map((name) => provider.create('dogs', { data: { name, owner_id: ann.id, ...born } })))
  did('create', dogs.length === 2, dogs)
  const sort = { field: 'name', order: 'DESC' as const }
  const second = await provider.getList('owners', { pagination: { page: 2, perPage: 1 }, sort, filter: {} })
  const found = await provider.getList('owners', { pagination: { page: 1, perPage: 10 }, sort, filter: { q: 'cle' } })
  const beyond = await provider.getList('owners', { pagination: { page: 9, perPage: 2 }, sort, filter: {} })
  did('getList', second.total === 3 && second.data[0].name === 'Ben' && second.data.length === 1, second)
  did('getList, searched', found.total === 1 && found.data[0].name === 'Cleo', found)
  did('getList, beyond the end', beyond.total === 3 && beyond.data.length === 0, beyond)
  const one = await provider.getOne('dogs', { id: dogs[0]?.data.id })
  did('getOne', one.data.name === 'Rex', one)
  const many = await provider.getMany('owners', { ids: [ann.id, ben.id] })
  did('getMany', many.data.length === 2, many)
  const reference = { target: 'owner_id', id: ann.id, pagination: { page: 1, perPage: 10 }, sort, filter: {} }
  const hers = await provider.getManyReference('dogs', reference)
  did('getManyReference', hers.total === 2 && hers.data[0].name === 'Rex', hers)
  const data = { ...one.data, born_on: null }
  const updated = await provider.update('dogs', { id: one.data.id, data, previousData: one.data })
  did('update', updated.data.born_on === null, updated)
  const refused = await provider.create('owners', { data: { name: '' } }).catch((error: unknown) => error)
  did('an error', refused instanceof HttpError && refused.status === 422 && refused.body.errors[0].pointer === '/name', refused)
  const gone = await provider.delete('dogs', { id: one.data.id, previousData: one.data })
  did('delete', gone.data.id === one.data.id, gone)
  await provider.delete('dogs', { id: dogs[1]?.data.id })
  const all = await provider.deleteMany('owners', { ids: created.map((owner) => owner.id) })
  const left = await provider.getList('owners', { pagination: { page: 1, perPage: 10 }, sort, filter: {} })
  did('deleteMany', all.data?.length === 3 && left.total === 0, left)
}

void main().catch((error: unknown) => { console.error(error); process.exitCode = 1 })
