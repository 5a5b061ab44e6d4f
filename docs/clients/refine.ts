// A data provider for refine: `<Refine dataProvider={kennel('http://127.0.0.1:8000', () => token)}>`, with the resources
// `owners`, `dogs` and `tasks`. The filter `contains` searches names, `in` on `id` takes up to 100 of them, `eq` is for
// all others.
import type { DataProvider } from '@refinedev/core'

export function kennel(server: string, token: () => string): DataProvider {
  const call = async (path: string, method = 'GET', body?: unknown) => {
    const headers = { Authorization: `Bearer ${token()}`, 'Content-Type': 'application/json' }
    const answer = await fetch(new URL(path, server), { method, headers, body: body === undefined ? null : JSON.stringify(body) })
    const data = answer.status === 204 ? undefined : await answer.json()
    if (!answer.ok) throw { statusCode: answer.status, message: data.detail, errors: errors(data.errors) }
    return { data, headers: answer.headers }
  }
  const errors = (all: { pointer?: string; parameter?: string; detail: string }[] = []) =>
    Object.fromEntries(all.map((one) => [one.pointer?.slice(1) ?? one.parameter, one.detail]))
  const row = (resource: string, id: unknown) => `/dogowner/${resource}/${id}`
  return {
    // Kennel's pages are a chain: each names the next in `Link`. So whoever jumps to the fifth passes through four.
    getList: async ({ resource, pagination: { currentPage = 1, pageSize = 10 } = {}, sorters = [], filters = [] }) => {
      const query = new URLSearchParams({ limit: `${pageSize}`, count: 'true' })
      if (sorters.length) query.set('sort', sorters.map(({ field, order }) => (order === 'desc' ? '-' : '') + field).join(','))
      for (const filter of filters) if ('field' in filter) query.set(filter.operator === 'contains' ? 'q' : filter.field, `${filter.value}`)
      let answer = await call(`/dogowner/${resource}?${query}`)
      for (let passed = 1; passed < currentPage; passed++) {
        const next = /<(.+)>; rel="next"/.exec(answer.headers.get('link') ?? '')?.[1]
        if (!next) return { data: [], total: (passed - 1) * pageSize + answer.data.length }
        answer = await call(next)
      }
      return { data: answer.data, total: Number(answer.headers.get('x-total-count')) }
    },
    getOne: ({ resource, id }) => call(row(resource, id)),
    getMany: ({ resource, ids }) => call(`/dogowner/${resource}?id=${ids.join(',')}&limit=100`),
    create: ({ resource, variables }) => call(`/dogowner/${resource}`, 'POST', variables),
    update: ({ resource, id, variables }) => call(row(resource, id), 'PATCH', variables),
    deleteOne: async ({ resource, id }) => (await call(row(resource, id), 'DELETE'), { data: { id } as never }),
    deleteMany: async ({ resource, ids }) => ({ data: (await Promise.all(ids.map((id) => call(row(resource, id), 'DELETE')))) && ids as never[] }),
    getApiUrl: () => server,
  }
}
