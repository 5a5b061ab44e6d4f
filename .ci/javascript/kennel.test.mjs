// What the client does, with a real server.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { Kennel } from 'kennel-client'
import { expiry, failure, newcomer, password, recorder, road, serve } from './server.mjs'

let server
before(async () => (server = await serve()))
after(() => server.stop())

const someone = (options) => newcomer(server, options)
const count = (things, one) => things.filter((thing) => thing === one).length

describe('the client', { concurrency: true }, () => {
  it('logs in, and says who that is', async () => {
    const { kennel, user, username, users } = await someone()
    assert.equal(user.username, username)
    assert.deepEqual(kennel.user, user)
    assert.deepEqual(users, [username])
  })

  it('refreshes an expired token once, and repeats the call with the same key', async () => {
    const { kennel, sent, whats, user } = await someone()
    await expiry(server.url, { sent })
    sent.length = 0
    const { data, status } = await kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    assert.deepEqual([data.name, status], ['Ann', 201])
    assert.deepEqual(whats(), ['POST /dogowner/owners', 'POST /auth/refresh', 'POST /dogowner/owners'])
    const [first, , second] = sent
    assert.match(first.headers['Idempotency-Key'], /^\d+(-\d+){3}$/)
    assert.equal(first.headers['Idempotency-Key'], second.headers['Idempotency-Key'])
    assert.notEqual(first.headers.Authorization, second.headers.Authorization)
    assert.equal(kennel.user.id, user.id)
  })

  it('refreshes once for all calls that need it, and again when that has expired', async () => {
    const { kennel, sent, whats } = await someone()
    for (const round of [1, 2]) {
      await expiry(server.url, { sent })
      sent.length = 0
      const results = await Promise.all(Array.from({ length: 8 }, () => kennel.get('/me')))
      assert.equal(results.length, 8)
      assert.equal(count(whats(), 'POST /auth/refresh'), 1, `round ${round}: ${whats()}`)
      assert.equal(count(whats(), 'GET /me'), 16)
    }
  })

  it('keeps the session when the answer to a refresh is lost', async (test) => {
    const way = await road(test, server.port)
    const { kennel, sent, whats } = await someone({ url: way.url })
    await expiry(server.url, { sent })
    sent.length = 0
    way.lost = 1
    await kennel.refresh()
    assert.deepEqual(whats(), ['POST /auth/refresh', 'POST /auth/refresh'])
    assert.equal((await kennel.get('/me')).status, 200)
  })

  it('creates once, though the answer is lost', async (test) => {
    const way = await road(test, server.port)
    const { kennel, sent } = await someone({ url: way.url })
    sent.length = 0
    way.lost = 1
    const { data, headers } = await kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    assert.equal(headers.get('idempotency-replayed'), 'true')
    assert.equal(new Set(sent.map(({ headers }) => headers['Idempotency-Key'])).size, 1)
    const { data: owners } = await kennel.get('/dogowner/owners')
    assert.deepEqual(
      owners.map(({ id }) => id),
      [data.id],
    )
    const same = await kennel.post('/dogowner/owners', {
      body: { name: 'Ann' },
      idempotencyKey: sent[0].headers['Idempotency-Key'],
    })
    assert.equal(same.data.id, data.id)
  })

  it('reads again when the answer is lost, and gives up in the end', async (test) => {
    const way = await road(test, server.port)
    const { kennel, sent } = await someone({ url: way.url })
    sent.length = 0
    way.lost = 2
    assert.equal((await kennel.get('/me')).status, 200)
    assert.equal(sent.length, 3)
    way.lost = 3
    const error = await failure(kennel.get('/me'))
    assert.deepEqual([error.type, error.status], ['about:blank', 0])
    assert(error.cause instanceof Error)
    assert.match(error.message, /GET \/me got none/)
  })

  it('does not repeat what it cannot know to be undone', async (test) => {
    const way = await road(test, server.port)
    const { kennel, sent, whats } = await someone({ url: way.url })
    const path = { owner_id: (await kennel.post('/dogowner/owners', { body: { name: 'Ann' } })).data.id }
    for (const write of [
      () => kennel.put('/dogowner/owners/{owner_id}', { path, body: { name: 'Ben' } }),
      () => kennel.patch('/dogowner/owners/{owner_id}', { path, body: { name: 'Cid' } }),
      () => kennel.delete('/dogowner/owners/{owner_id}', { path }),
      () => kennel.signup({ username: `${path.owner_id}-twice`, email: 'twice@example.com', password }),
    ]) {
      sent.length = 0
      way.lost = 1
      assert.equal((await failure(write())).status, 0)
      assert.equal(sent.length, 1, `${whats()}`)
    }
  })

  it('follows a list over its pages, and asks for none that is not wanted', async () => {
    const { kennel, sent } = await someone()
    for (const name of ['Ann', 'Ben', 'Cid', 'Dee', 'Eve']) await kennel.post('/dogowner/owners', { body: { name } })
    sent.length = 0
    const names = []
    for await (const { name } of kennel.list('/dogowner/owners', { query: { sort: ['-name'], limit: 2 } }))
      names.push(name)
    assert.deepEqual(names, ['Eve', 'Dee', 'Cid', 'Ben', 'Ann'])
    assert.equal(sent.length, 3)
    assert.equal(new URL(sent[0].url).search, '?sort=-name&limit=2')
    assert.match(sent[2].url, /cursor=/)
    sent.length = 0
    for await (const { name } of kennel.list('/dogowner/owners', { query: { limit: 2 } })) if (name === 'Ben') break
    assert.equal(sent.length, 1)
  })

  it('reads a list by pages, each when it is wanted, and says which is the last', async () => {
    const { kennel, sent } = await someone()
    for (const name of ['Ann', 'Ben', 'Cid']) await kennel.post('/dogowner/owners', { body: { name } })
    sent.length = 0
    const pages = kennel.pages('/dogowner/owners', { query: { limit: 2, count: true } })
    for (const [names, isLast] of [
      [['Ann', 'Ben'], false],
      [['Cid'], true],
    ]) {
      const { value: page } = await pages.next()
      assert.deepEqual([page.data.map(({ name }) => name), page.isLast], [names, isLast])
      assert.equal(page.headers.get('x-total-count'), '3')
    }
    assert.equal(sent.length, 2)
    assert.deepEqual(await pages.next(), { value: undefined, done: true })
  })

  it('refreshes in the middle of a list', async () => {
    const { kennel, sent, whats } = await someone()
    for (const name of ['Ann', 'Ben', 'Cid']) await kennel.post('/dogowner/owners', { body: { name } })
    const names = []
    for await (const { name } of kennel.list('/dogowner/owners', { query: { limit: 2 } })) {
      if (name === 'Ben') await expiry(server.url, { sent })
      names.push(name)
    }
    assert.deepEqual(names, ['Ann', 'Ben', 'Cid'])
    assert.equal(count(whats(), 'POST /auth/refresh'), 1)
  })

  it('writes lists with commas, leaves out what is undefined, and escapes paths', async () => {
    const { kennel, sent } = await someone()
    sent.length = 0
    await kennel.get('/dogowner/dogs', { query: { expand: ['owner', 'co_owners'], q: undefined, id: [1, 2] } })
    assert.equal(decodeURIComponent(new URL(sent[0].url).search), '?expand=owner,co_owners&id=1,2')
    assert.equal((await failure(kennel.get('/users/{username}', { path: { username: 'a/../../me?' } }))).status, 404)
    assert.match(sent[1].url, /\/users\/a%2F\.\.%2F\.\.%2Fme%3F$/)
    for (const username of ['..', '.', '', undefined]) {
      await assert.rejects(kennel.get('/users/{username}', { path: { username } }), TypeError)
    }
    assert.equal(sent.length, 2)
  })

  it('throws problems with every field', async () => {
    const { kennel } = await someone()
    const error = await failure(kennel.post('/dogowner/owners', { body: { name: ' ', colour: 'black' } }))
    assert.deepEqual([error.type, error.status, error.name], ['/problems/validation-failed', 422, 'KennelError'])
    assert.deepEqual(
      error.errors.map(({ pointer, code }) => [pointer, code]),
      [
        ['/name', 'too_short'],
        ['/colour', 'unknown_field'],
      ],
    )
    assert.match(error.requestId, /^[\w.-]+$/)
    assert.match(error.message, /^Some fields are not valid: /)
    const absent = await failure(kennel.get('/dogowner/dogs/{dog_id}', { path: { dog_id: 1_000_000 } }))
    assert.deepEqual([absent.type, absent.errors, absent.retryAfter], ['/problems/not-found', [], undefined])
  })

  it('says how long to wait after a wrong password', async () => {
    const { username } = await someone()
    const stranger = new Kennel(server.url)
    const wrong = { username: `${username}@example.com`, password: 'no sofa at all' }
    let error
    while ((error = await failure(stranger.login(wrong))).type !== '/problems/too-many-attempts') {
      assert.equal(error.type, '/problems/invalid-credentials')
    }
    assert.equal(error.status, 429)
    assert(error.retryAfter >= 1)
    assert.equal(stranger.user, null)
  })

  it('loses no update', async () => {
    const { kennel } = await someone()
    const {
      data: { id },
      etag,
    } = await kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    const path = { owner_id: id }
    const changed = await kennel.patch('/dogowner/owners/{owner_id}', { path, body: { name: 'Ben' }, ifMatch: etag })
    assert.notEqual(changed.etag, etag)
    const error = await failure(kennel.delete('/dogowner/owners/{owner_id}', { path, ifMatch: etag }))
    assert.deepEqual([error.type, error.status], ['/problems/precondition-failed', 412])
    assert.match(error.detail, /Read the row again/)
    const shown = await kennel.get('/dogowner/owners/{owner_id}', { path })
    assert.equal(shown.etag, changed.etag)
    const gone = await kennel.delete('/dogowner/owners/{owner_id}', { path, ifMatch: shown.etag })
    assert.deepEqual([gone.status, gone.data, gone.etag], [204, undefined, undefined])
    const page = { description: 'Two dogs, one sofa.' }
    assert.equal((await kennel.put('/me/profile', { body: page, ifNoneMatch: '*' })).status, 201)
    assert.equal((await failure(kennel.put('/me/profile', { body: page, ifNoneMatch: '*' }))).status, 412)
  })

  it('writes nothing unprotected where the version is missing', async () => {
    const { kennel, sent } = await someone()
    const owner = await kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    const dog = await kennel.post('/dogowner/dogs', { body: { name: 'Rex', owner_id: owner.data.id } })
    const path = { dog_id: dog.data.id }
    const { etag } = await kennel.get('/dogowner/dogs/{dog_id}', { path, query: { expand: ['owner'] } })
    assert.equal(etag, undefined)
    sent.length = 0
    await assert.rejects(
      async () => kennel.patch('/dogowner/dogs/{dog_id}', { path, body: { name: 'Max' }, ifMatch: etag }),
      TypeError,
    )
    assert.equal(sent.length, 0)
  })

  it('logs out, and is told where the session was ended elsewhere', async () => {
    const { kennel, username, user, users, sent } = await someone()
    const other = new Kennel(server.url)
    await other.login({ username, password })
    await other.delete('/me/sessions')
    const error = await failure(kennel.get('/me'))
    assert.equal(error.type, '/problems/revoked-token')
    assert.equal(kennel.user, null)
    await kennel.login({ username, password })
    await kennel.logout()
    assert.equal(kennel.user, null)
    assert.deepEqual(users, [username, null, username, null])
    sent.length = 0
    assert.equal((await failure(kennel.get('/me'))).type, '/problems/missing-token')
    assert.equal(await kennel.refresh(), null)
    assert.equal(sent.length, 1, 'a refresh without a token asks nobody')
    assert.equal((await other.get('/me')).data.id, user.id)
  })

  it('never refreshes a token that it was given', async () => {
    const giver = await someone()
    const token = giver.sent.at(-1).headers.Authorization.slice('Bearer '.length)
    const { fetch, sent, whats } = recorder()
    const kennel = new Kennel(server.url, { accessToken: token, fetch })
    assert.equal((await kennel.get('/me')).data.username, giver.username)
    await expiry(server.url, { sent })
    sent.length = 0
    for (const _ of [1, 2]) assert.equal((await failure(kennel.get('/me'))).type, '/problems/expired-token')
    assert.deepEqual(whats(), ['GET /me', 'GET /me'])
  })

  it('takes an API key, which is never refreshed, and tells what it does not open', async () => {
    const { kennel } = await someone()
    await kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    const { data: made } = await kennel.post('/me/keys', { body: { name: 'A program', scope: 'read' } })
    const { fetch, whats } = recorder()
    const program = new Kennel(server.url, { apiKey: made.key, fetch })
    const names = []
    for await (const { name } of program.list('/dogowner/owners')) names.push(name)
    assert.deepEqual(names, ['Ann'])
    const refused = await failure(program.post('/dogowner/owners', { body: { name: 'Ben' } }))
    assert.deepEqual([refused.type, refused.status], ['/problems/insufficient-scope', 403])
    await kennel.delete('/me/keys/{key_id}', { path: { key_id: made.id } })
    assert.equal((await failure(program.get('/me'))).type, '/problems/revoked-api-key')
    assert.deepEqual(whats(), ['GET /dogowner/owners', 'POST /dogowner/owners', 'GET /me'])
  })

  it('breaks off when its signal says so', async () => {
    const { kennel, sent } = await someone()
    sent.length = 0
    await assert.rejects(kennel.get('/me', { signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.equal(sent.length, 1)
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const deaf = new Kennel(`http://127.0.0.1:${silent.address().port}`)
    await assert.rejects(deaf.get('/health/live', { signal: AbortSignal.timeout(1) }), { name: 'TimeoutError' })
    silent.closeAllConnections()
    silent.close()
  })

  it('tells answers that are not of Kennel from problems', async () => {
    const proxy = createServer((_, response) =>
      response.writeHead(502, { 'Content-Type': 'text/html' }).end('<h1>Bad Gateway</h1>'),
    )
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    const error = await failure(new Kennel(`http://127.0.0.1:${proxy.address().port}`).get('/health/live'))
    assert.deepEqual([error.type, error.status, error.title], ['about:blank', 502, 'Bad Gateway'])
    proxy.closeAllConnections()
    proxy.close()
  })

  it('shows its tokens to nobody', async () => {
    const { kennel, sent } = await someone()
    const token = sent.at(-1).headers.Authorization.slice('Bearer '.length)
    const shown =
      inspect(kennel, { showHidden: true, depth: 9 }) + JSON.stringify(kennel) + Object.getOwnPropertyNames(kennel)
    assert(token.length > 99 && !shown.includes(token) && !shown.includes('refresh_token'), shown)
  })

  it('sends tokens and keys where the contract wants them', async () => {
    const tried = async (method, template, names) => {
      const noted = recorder()
      const kennel = new Kennel(server.url, { accessToken: 'none', fetch: noted.fetch })
      await kennel[method](template, { path: Object.fromEntries(names.map((name) => [name, '1'])) }).catch(() => {})
      return noted
    }
    const { kennel } = await someone()
    const { data: contract } = await kennel.get('/openapi.json')
    const parameter = (one) => (one.$ref ? contract.components.parameters[one.$ref.split('/').at(-1)] : one)
    let seen = 0
    for (const [template, methods] of Object.entries(contract.paths)) {
      for (const method of ['get', 'post', 'put', 'patch', 'delete'].filter((method) => methods[method])) {
        if (/^\/auth\/(login|refresh|logout)$/.test(template)) continue
        const { security, parameters = [] } = methods[method]
        const names = template.match(/(?<=\{)\w+/g) ?? []
        const {
          sent: [{ headers }],
        } = await tried(method, template, names)
        assert.equal('Authorization' in headers, security === undefined, `${method} ${template}: a token`)
        const wantsKey = parameters.some((one) => parameter(one).name === 'Idempotency-Key')
        assert.equal('Idempotency-Key' in headers, wantsKey, `${method} ${template}: a key`)
        seen++
      }
    }
    assert(seen > 30, `${seen} operations`)
  })
})

describe('the client, with the cookie', { concurrency: true }, () => {
  it('holds no refresh token', async () => {
    const { sent, jar, kennel } = await someone({ cookie: true })
    const login = sent.find(({ what }) => what === 'POST /auth/login')
    assert.equal(JSON.parse(login.body).cookie, true)
    assert.deepEqual([...jar.keys()], ['__Host-kennel_refresh'])
    assert(
      sent.every(({ what, headers }) => what.startsWith('POST /auth/') || !headers.Cookie),
      'no other call takes the cookie along',
    )
    sent.length = 0
    await kennel.refresh()
    assert.equal(sent[0].body, undefined)
  })

  it('comes back after a reload, by itself or when asked', async () => {
    const { jar, username } = await someone({ cookie: true })
    for (const come of [(page) => page.refresh(), (page) => page.get('/me').then(({ data }) => data)]) {
      const page = new Kennel(server.url, { cookie: true, fetch: recorder(jar).fetch })
      assert.equal((await come(page)).username, username)
      assert.equal(page.user.username, username)
    }
    assert.equal(await new Kennel(server.url, { cookie: true, fetch: recorder().fetch }).refresh(), null)
  })

  it('keeps the session while tabs refresh at the same time', async () => {
    const first = await someone({ cookie: true })
    const tabs = [first]
    for (const _ of [2, 3]) {
      const noted = recorder(first.jar)
      const kennel = new Kennel(server.url, { cookie: true, fetch: noted.fetch })
      await kennel.get('/me')
      tabs.push({ kennel, ...noted })
    }
    await expiry(server.url, ...tabs)
    await Promise.all(
      tabs.flatMap(({ kennel }) => [kennel.get('/me'), kennel.get('/dogowner/dogs'), kennel.get('/me')]),
    )
    for (let round = 0; round < 5; round++) await Promise.all(tabs.map(({ kennel }) => kennel.refresh()))
    const { data: sessions } = await first.kennel.get('/me/sessions')
    assert.equal(sessions.length, 1)
  })

  it('logs out in all tabs, and does nothing in the name of another user', async () => {
    const alice = await someone({ cookie: true })
    const bob = await someone()
    const otherTab = new Kennel(server.url, { cookie: true, fetch: recorder(alice.jar).fetch })
    await otherTab.refresh()
    await otherTab.logout()
    assert.equal(alice.jar.size, 0)
    assert.equal((await failure(alice.kennel.get('/me'))).type, '/problems/revoked-token')
    assert.equal(alice.kennel.user, null)
    await alice.kennel.login({ username: alice.username, password })
    await otherTab.refresh()
    await otherTab.logout()
    await otherTab.login({ username: bob.username, password })
    alice.sent.length = 0
    const error = await failure(alice.kennel.post('/dogowner/owners', { body: { name: 'Ann' } }))
    assert.equal(error.type, '/problems/revoked-token')
    assert.equal(count(alice.whats(), 'POST /dogowner/owners'), 1)
    assert.deepEqual((await otherTab.get('/dogowner/owners')).data, [])
    assert.deepEqual(alice.users, [alice.username, null, alice.username, bob.username])
  })
})

describe('the README', () => {
  it('works as printed', { skip: !process.features.typescript && 'this Node.js runs no TypeScript' }, async () => {
    const program = (await readFile(process.env.KENNEL_README, 'utf8')).replaceAll('http://localhost:8000', server.url)
    const file = process.env.KENNEL_README.replace(/\.ts$/, '.run.ts')
    await writeFile(file, program)
    await import(pathToFileURL(file).href)
  })
})
