// A data provider for react-admin: `<Admin dataProvider={kennel('http://127.0.0.1:8000', () => token)}>`, with the
// resources `owners`, `dogs` and `tasks`. A filter `q` searches; all others are Kennel's own (`owner_id`, `completed`).
import { type DataProvider, fetchUtils, type GetListParams } from 'react-admin'

export function kennel(server: string, token: () => string): DataProvider {
  const call = (path: string, method = 'GET', data?: unknown) =>
    fetchUtils.fetchJson(new URL(path, server), {
      method,
      body: data === undefined ? null : JSON.stringify(data),
      user: { authenticated: true, token: `Bearer ${token()}` },
    })
  // Kennel's pages are a chain: each names the next in `Link`. So whoever jumps to the fifth passes through four.
  const list = async (resource: string, { filter, pagination, sort }: GetListParams) => {
    const { page, perPage } = pagination ?? { page: 1, perPage: 100 }
    const order = sort && { sort: `${sort.order === 'DESC' ? '-' : ''}${sort.field}` }
    let answer = await call(`/dogowner/${resource}?${new URLSearchParams({ ...filter, ...order, limit: `${perPage}`, count: 'true' })}`)
    for (let passed = 1; passed < page; passed++) {
      const next = /<(.+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
      if (!next) return { data: [], total: (passed - 1) * perPage + answer.json.length }
      answer = await call(next)
    }
    return { data: answer.json, total: Number(answer.headers.get('x-total-count')) }
  }
  const one = async (resource: string, id: unknown, method = 'GET', data?: unknown) =>
    ({ data: (await call(`/dogowner/${resource}/${id}`, method, data)).json })
  const each = async (resource: string, ids: unknown[], method: string, data?: unknown) =>
    ({ data: (await Promise.all(ids.map((id) => one(resource, id, method, data)))) && ids as never[] })
  return {
    getList: list,
    getOne: (resource, { id }) => one(resource, id),
    getMany: (resource, { ids }) => list(resource, { filter: { id: ids.join(',') } }),
    getManyReference: (resource, { target, id, filter, ...rest }) => list(resource, { ...rest, filter: { ...filter, [target]: id } }),
    create: async (resource, { data }) => ({ data: (await call(`/dogowner/${resource}`, 'POST', data)).json }),
    update: (resource, { id, data }) => one(resource, id, 'PATCH', data),
    updateMany: (resource, { ids, data }) => each(resource, ids, 'PATCH', data),
    delete: async (resource, { id, previousData }) => (await one(resource, id, 'DELETE'), { data: (previousData ?? { id }) as never }),
    deleteMany: (resource, { ids }) => each(resource, ids, 'DELETE'),
  }
}
