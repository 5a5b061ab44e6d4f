// Makes the collection for Postman, and an environment, of the contract: what Postman's own converter makes of it, without
// what that makes up, and with tutorials in front. The same contract gives the same bytes.
//
//     node make.cjs openapi.yaml FOLDER
const { createHash } = require('node:crypto')
const { readFileSync, writeFileSync } = require('node:fs')
const { convertV2 } = require('openapi-to-postmanv2')
const { load } = require('js-yaml')
const tutorial = require('./tutorial.cjs')

const [source, folder] = process.argv.slice(2)
const text = readFileSync(source, 'utf8')
const contract = load(text)
const OPTIONS = {
  folderStrategy: 'Tags',
  parametersResolution: 'Example',
  enableOptionalParameters: false,
  // It would invent values, other ones each time.
  schemaFaker: false,
}
const METHODS = ['get', 'put', 'post', 'patch', 'delete']
const SCHEMA = 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json'
const HERE = contract.servers[0].url

// What is kept of an answer beside the ids that the contract's links say.
const TOKENS = { bearerToken: 'said.access_token', refresh_token: 'said.refresh_token' }
const KEPT = {
  login: TOKENS,
  refresh: TOKENS,
  create_key: { api_key: 'said.key' },
  update_me: { username: 'said.username' },
  replace_password: { password: 'JSON.parse(pm.request.body.raw).new_password' },
  list_sessions: { session_id: '(said.find(({ current }) => !current) ?? said[0]).id' },
}

/** What a `$ref` of the contract means. */
const resolved = (part) =>
  part.$ref ? resolved(part.$ref.slice(2).split('/').reduce((inside, key) => inside[key], contract)) : part

/** The operations by their method and path, as a collection spells that. */
const operations = new Map()
for (const [path, item] of Object.entries(contract.paths)) {
  for (const method of METHODS.filter((method) => item[method])) {
    const parameters = [...(item.parameters ?? []), ...(item[method].parameters ?? [])].map(resolved)
    operations.set(`${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`, { ...item[method], parameters })
  }
}

const bodyExample = ({ requestBody }) =>
  Object.values(Object.values(resolved(requestBody).content)[0].examples).map(resolved)[0].value
const { username, password } = bodyExample(operations.get('POST /auth/login'))
const { refresh_token } = bodyExample(operations.get('POST /auth/refresh'))

/** A body whose names, secrets and ids are variables, where the contract's examples fit each other by their values. */
function withVariables(raw) {
  const body = JSON.parse(raw)
  // Ids further inside name what stands in the body, too.
  function put(key, value) {
    if (typeof value === 'number' && key.endsWith('_id') && this === body) return `#${key}#`
    if (typeof value !== 'string') return value
    if (value === password) return '{{password}}'
    if (value === refresh_token) return '{{refresh_token}}'
    return value.replace(username, '{{username}}')
  }
  return JSON.stringify(body, put, 2).replace(/"#(\w+)#"/g, '{{$1}}')
}

/** The value of a path parameter: a variable, unless the contract's example is good everywhere. */
function pathValue(name, { path }) {
  if (path.at(-1) === `:${name}` && path.at(-2) === 'co-owners') return '{{co_owner_id}}'
  return name.endsWith('_id') || name === 'username' ? `{{${name}}}` : undefined
}

/** A value that an optional parameter may have, for who ticks it. */
function sample(method, { name, schema }) {
  if (name === 'If-Match' || (name === 'If-None-Match' && method === 'GET')) return '{{etag}}'
  if (name === 'If-None-Match') return '*'
  if (name === 'Idempotency-Key') return '{{$guid}}'
  if (name.endsWith('_id')) return `{{${name}}}`
  const { type, items, format, enum: choices } = resolved(schema)
  if (type === 'array') return resolved(items).enum?.at(-1) ?? '1,2'
  if (choices) return choices.at(-1)
  return { boolean: 'true', integer: '20' }[type] ?? { 'date-time': '2026-01-01T00:00:00Z', date: '2026-01-01' }[format] ?? ''
}

const bearer = (name) => ({ type: 'bearer', bearer: [{ key: 'token', value: `{{${name}}}`, type: 'string' }] })
const event = (listen, lines) => ({ listen, script: { type: 'text/javascript', exec: lines } })

/** The script that keeps what others need of an answer. */
function keeping({ operationId, responses }) {
  const kept = { ...KEPT[operationId] }
  for (const link of Object.values(resolved(responses['201'] ?? {}).links ?? {})) {
    for (const [name, from] of Object.entries(resolved(link).parameters ?? {})) {
      if (from.startsWith('$response.body#/')) kept[name] = `said.${from.slice('$response.body#/'.length)}`
    }
  }
  const lines = Object.entries(kept).map(([name, from]) => `  pm.collectionVariables.set('${name}', ${from})`)
  // Who is a co-owner is another one than the owner.
  if ('owner_id' in kept) lines.unshift("  pm.collectionVariables.set('co_owner_id', pm.collectionVariables.get('owner_id'))")
  if (lines.length === 0) return []
  if (lines.some((line) => line.includes('said'))) lines.unshift('  const said = pm.response.json()')
  return ['if (pm.response.code < 300) {', ...lines, '}']
}

const optional = (method, operation) => ({ key }) => {
  const parameter = operation.parameters.find(({ name }) => name === key)
  return { key, value: sample(method, parameter), description: parameter.description, disabled: true }
}

/** A request as it is in the collection: what the converter wrote that says something. */
function request({ name, request: { method, url, header, body, description } }) {
  const key = `${method} /${url.path.join('/')}`
  const operation = operations.get(key)
  const isOpen = !(operation.security ?? contract.security).some((scheme) => scheme.bearer)
  const script = keeping(operation)
  const raw = `{{baseUrl}}/${url.path.join('/')}`
  const query = url.query.map(optional(method, operation))
  const variable = url.variable.map(({ key, value }) => ({ key, value: pathValue(key, url) ?? value }))
  const headers = header.filter(({ key, disabled }) => disabled || key === 'Content-Type')
  return {
    name,
    ...(script.length && { event: [event('test', script)] }),
    request: {
      method,
      ...(isOpen && { auth: { type: 'noauth' } }),
      header: headers.map((one) => (one.disabled ? optional(method, operation)(one) : { key: one.key, value: one.value })),
      ...(body.raw && { body: { mode: 'raw', raw: withVariables(body.raw), options: { raw: { language: 'json' } } } }),
      url: { raw, host: url.host, path: url.path, ...(query.length && { query }), ...(variable.length && { variable }) },
      description: description.content,
    },
  }
}

/** A step of the tutorial: a request with its own body, query and headers, and with what is to be true of the answer. */
function step(requests, { name, call, token, says, before, body, query, headers = {}, test }) {
  const { event: kept = [], request } = structuredClone(requests.get(call))
  const { header, url } = request
  request.description = says
  if (token) request.auth = bearer(token)
  request.header = header.filter(({ disabled }) => !disabled)
  request.header.push(...Object.entries(headers).map(([key, value]) => ({ key, value })))
  if (body) request.body.raw = JSON.stringify(body, null, 2).replace(/"(\{\{\w+_id\}\})"/g, '$1')
  delete url.query
  if (query) {
    url.query = Object.entries(query).map(([key, value]) => ({ key, value }))
    url.raw += `?${url.query.map(({ key, value }) => `${key}=${value}`).join('&')}`
  }
  const events = [event('test', [...test, ...kept.flatMap(({ script }) => script.exec)])]
  if (before) events.unshift(event('prerequest', before))
  return { name, event: events, request }
}

/** An id that is always the same, so that an import takes the place of the one before. */
function stableId(name) {
  const hex = createHash('sha256').update(name).digest('hex')
  return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-5$3-8$4-$5')
}

function collectionOf(converted) {
  const folders = converted.item.map(({ name, description, item }) => ({ name, description, item: item.map(request) }))
  const made = folders.flatMap(({ item }) => item)
  if (made.length !== operations.size) throw new Error(`${made.length} requests of ${operations.size} operations`)
  const requests = new Map(made.map((one) => [`${one.request.method} /${one.request.url.path.join('/')}`, one]))
  const tutorials = tutorial.FOLDERS.map(({ name, description, token, steps }) => {
    const item = steps.map((one) => step(requests, one))
    return { name, description, ...(token && { auth: bearer(token) }), item }
  })
  const parameters = [...operations.values()].flatMap(({ parameters }) => parameters).filter((one) => one.in === 'path')
  // Where two examples differ, the first: that of the one which is not a co-owner.
  const examples = parameters.filter(({ name }) => name.endsWith('_id')).map(({ name, example }) => [name, example])
  const ids = Object.fromEntries(examples.reverse())
  // The server's own address first, where the server puts it.
  const variables = { baseUrl: HERE, username, password, bearerToken: '', refresh_token: '', api_key: '', ...ids, co_owner_id: 2, etag: '', old_etag: '' }
  const collection = {
    info: { _postman_id: stableId('kennel collection'), name: contract.info.title, description: tutorial.ABOUT, schema: SCHEMA },
    variable: Object.entries(variables).map(([key, value]) => ({ key, value: String(value) })),
    auth: bearer('bearerToken'),
    event: [event('test', tutorial.ALWAYS)],
    item: [...tutorials, ...folders],
  }
  for (const [, name] of JSON.stringify(collection).matchAll(/\{\{(\w+)\}\}/g)) {
    if (!(name in variables)) throw new Error(`{{${name}}} is no variable of the collection`)
  }
  return collection
}

const environment = {
  id: stableId('kennel environment'),
  name: `${contract.info.title} on ${new URL(HERE).host}`,
  values: [{ key: 'baseUrl', value: HERE, type: 'default', enabled: true }],
  _postman_variable_scope: 'environment',
}

convertV2({ type: 'string', data: text }, OPTIONS, (error, made) => {
  if (error || !made.result) throw error ?? new Error(made.reason)
  const collection = collectionOf(made.output[0].data)
  const write = (name, value) => writeFileSync(`${folder}/${name}.json`, `${JSON.stringify(value, null, 2)}\n`)
  write('kennel.postman_collection', collection)
  write('kennel.postman_environment', environment)
})
