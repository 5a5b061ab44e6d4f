// The tutorial, with the collection that Postman's converter makes of the contract: its requests with their example
// bodies, in order, run by newman. What is added is what one types in Postman: the tokens of the login, and a null.
const { readFileSync } = require('node:fs')
const { convert } = require('openapi-to-postmanv2')
const newman = require('newman')

const OPTIONS = { requestParametersResolution: 'Example', enableOptionalParameters: false }
const KEEP = "const said = pm.response.json(); for (const name of ['access_token', 'refresh_token']) pm.collectionVariables.set(name, said[name]); pm.collectionVariables.set('bearerToken', said.access_token)"
const STEPS = [
  ['sign up', 'POST /auth/signup', 201],
  ['log in', 'POST /auth/login', 200, { keep: true }],
  ['refresh', 'POST /auth/refresh', 200, { keep: true, body: '{"refresh_token": "{{refresh_token}}"}' }],
  [null, 'POST /dogowner/owners', 201],
  ['create', 'POST /dogowner/dogs', 201],
  ['list', 'GET /dogowner/dogs', 200, { query: 'sort=-born_on,name&expand=owner,co_owners' }],
  ['patch with null', 'PATCH /dogowner/dogs/:dog_id', 200, { body: '{"born_on": null}' }],
  ['delete', 'DELETE /dogowner/dogs/:dog_id', 204],
  ['read an error', 'POST /dogowner/owners', 422, { body: '{"name": " "}' }],
  [null, 'POST /auth/logout', 200, { body: '{}' }],
  ['log out', 'GET /me', 401],
]

const flat = (items) => items.flatMap((item) => (item.item ? flat(item.item) : [item]))

convert({ type: 'string', data: readFileSync(process.env.KENNEL_CONTRACT, 'utf8') }, OPTIONS, (error, made) => {
  if (error || !made.result) throw error ?? new Error(made.reason)
  const collection = made.output[0].data
  const requests = flat(collection.item)
  collection.item = STEPS.map(([, wanted, status, { body, keep, query } = {}]) => {
    const named = ({ request }) => `${request.method} /${request.url.path.join('/')}` === wanted
    const item = structuredClone(requests.find(named) ?? (() => { throw new Error(`no ${wanted}`) })())
    delete item.id
    delete item.response
    if (body) item.request.body.raw = body
    if (query) item.request.url.query = query.split('&').map((part) => ({ key: part.split('=')[0], value: part.split('=')[1] }))
    const test = `pm.test('status', () => pm.response.to.have.status(${status}))\n${keep ? KEEP : ''}`
    item.event = [{ listen: 'test', script: { type: 'text/javascript', exec: test.split('\n') } }]
    return item
  })
  const environment = { values: [{ key: 'baseUrl', value: process.env.KENNEL_URL }] }
  newman.run({ collection, environment, reporters: [] }, (failed, summary) => {
    if (failed) throw failed
    for (const { assertions, item, response } of summary.run.executions) {
      const bad = (assertions ?? []).filter((assertion) => assertion.error)
      if (bad.length || !response) throw new Error(`${item.name}: ${response?.code} ${response?.stream}`)
    }
    const done = summary.run.executions.length === STEPS.length
    if (!done) throw new Error('not all were sent')
    for (const [step] of STEPS) if (step) console.log(`did: ${step}`)
  })
})
