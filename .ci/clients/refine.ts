// The data provider of docs/clients, as refine calls it.
import type { HttpError } from '@refinedev/core'
import { kennel } from './docs/refine'
import { did, signIn, url } from './tutorial'

type Row = { id: number; name: string; born_on: string | null }

async function main(): Promise<void> {
  const token = await signIn()
  const provider = kennel(url, () => token)
  const create = async (resource: string, variables: object): Promise<Row> =>
    (await provider.create<Row, object>({ resource, variables })).data
  const owners = []
  for (const name of ['Ann', 'Ben', 'Cleo']) owners.push(await create('owners', { name }))
  const [ann, ben] = owners
  if (!ann || !ben) throw new Error('nobody was created')
  const rex = await create('dogs', { name: 'Rex', owner_id: ann.id, born_on: '2024-05-01' })
  const lex = await create('dogs', { name: 'Lex', owner_id: ann.id })
  did('create', rex.born_on === '2024-05-01', rex)
  const sorters = [{ field: 'name', order: 'desc' as const }]
  const second = await provider.getList<Row>({ resource: 'owners', pagination: { currentPage: 2, pageSize: 1 }, sorters })
  did('getList', second.total === 3 && second.data.length === 1 && second.data[0]?.name === 'Ben', second)
  const filters = [{ field: 'name', operator: 'contains' as const, value: 'cle' }]
  const found = await provider.getList<Row>({ resource: 'owners', filters })
  did('getList, searched', found.total === 1 && found.data[0]?.name === 'Cleo', found)
  const beyond = await provider.getList<Row>({ resource: 'owners', pagination: { currentPage: 9, pageSize: 2 } })
  did('getList, beyond the end', beyond.total === 3 && beyond.data.length === 0, beyond)
  const one = await provider.getOne<Row>({ resource: 'dogs', id: rex.id })
  did('getOne', one.data.name === 'Rex', one)
  const many = await provider.getMany?.<Row>({ resource: 'owners', ids: [ann.id, ben.id] })
  did('getMany', many?.data.length === 2, many)
  const hers = [{ field: 'owner_id', operator: 'eq' as const, value: ann.id }]
  const reference = await provider.getList<Row>({ resource: 'dogs', filters: hers, sorters })
  did('getManyReference', reference.total === 2 && reference.data[0]?.name === 'Rex', reference)
  const updated = await provider.update<Row, object>({ resource: 'dogs', id: rex.id, variables: { born_on: null } })
  did('update', updated.data.born_on === null, updated)
  const refused = await create('owners', { name: '' }).catch((error: HttpError) => error)
  did('an error', 'statusCode' in refused && refused.statusCode === 422 && refused.errors?.['name'] !== undefined, refused)
  const gone = await provider.deleteOne<Row, object>({ resource: 'dogs', id: lex.id })
  await provider.deleteOne<Row, object>({ resource: 'dogs', id: rex.id })
  did('delete', gone.data.id === lex.id, gone)
  const all = await provider.deleteMany?.<Row, object>({ resource: 'owners', ids: owners.map((owner) => owner.id) })
  const left = await provider.getList<Row>({ resource: 'owners' })
  did('deleteMany', all?.data.length === 3 && left.total === 0, left)
}

void main().catch((error: unknown) => { console.error(error); process.exitCode = 1 })
