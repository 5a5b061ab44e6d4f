// What the tests stand on: a server of their own on a database with others' rows, a connection that can be lost, and
// a browser's cookies.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Kennel, KennelError } from 'kennel-client'

export const password = 'seven brown sofas at dawn'
const generous = '1000000/1s'

/**
 * A server; its access tokens are good for a second, and 5 more for the clocks of others. `restart` ends it by a signal
 * and begins it anew, on the same database and another port.
 */
export async function serve(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'kennel-javascript.'))
  const env = {
    PATH: process.env.PATH,
    DATABASE_URL: `sqlite://${folder}/kennel.db`,
    MAIL_URL: `file:${folder}/outbox`,
    LOG: 'warn',
    HOST: '127.0.0.1',
    PORT: '0',
    ACCESS_TOKEN_TTL: '1s',
    LOGIN_RATE: generous,
    SIGNUP_RATE: generous,
    USER_RATE: generous,
    IP_RATE: generous,
    ...settings,
  }
  // Others have been here before.
  const logins = execFileSync(process.env.KENNEL, ['seed', '--users', '3', '--dogs', '30', '--seed', '42'], { cwd: folder, env })
  let child, ended
  const begin = async () => {
    child = spawn(process.env.KENNEL, [], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    ended = new Promise((resolve) => child.once('exit', resolve))
    const port = await new Promise((resolve, reject) => {
      let said = ''
      const hear = (text) => {
        said += text
        const address = /http:\/\/127\.0\.0\.1:(\d+)/.exec(said)
        if (address) resolve(Number(address[1]))
      }
      child.stdout.setEncoding('utf8').on('data', hear)
      child.stderr.setEncoding('utf8').on('data', hear)
      ended.then(() => reject(new Error(`the server did not start: ${said}`)))
    })
    return Object.assign(server, { port, url: `http://127.0.0.1:${port}` })
  }
  const end = (signal) => {
    child.kill(signal)
    return ended
  }
  const server = {
    /** Who has been: a username and a password, line by line. */
    logins: `${logins}`,
    restart: async (signal) => {
      await end(signal)
      return begin()
    },
    stop: async () => {
      await end('SIGTERM')
      await rm(folder, { recursive: true })
    },
  }
  return begin()
}

/**
 * A way to a server, for one test. It loses the next answers (`lost`), after the server has sent them; `pass` may do
 * otherwise with a piece of an answer, `isStream` tells of what kind, and `port` may be changed, or be none.
 */
export async function road(test, port) {
  const state = { port, lost: 0, pass: (client, piece) => client.write(piece), streams: 0, refused: 0 }
  const sockets = new Set()
  const gate = createServer((client) => {
    if (!state.port) {
      state.refused++
      return client.destroy()
    }
    const server = connect(state.port, '127.0.0.1')
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => (client.destroy(), server.destroy()))
    }
    client.on('close', () => client.isStream && state.streams--)
    client.on('data', (bytes) => {
      if (!client.isStream && bytes.includes('text/event-stream')) {
        client.isStream = true
        state.streams++
      }
      server.write(bytes)
    })
    server.on('data', (bytes) => {
      if (state.lost-- > 0) client.destroy()
      else state.pass(client, bytes)
    })
  })
  await new Promise((resolve) => gate.listen(0, '127.0.0.1', resolve))
  test.after(() => {
    gate.close()
    for (const socket of sockets) socket.destroy()
  })
  const cut = () => sockets.forEach((socket) => socket.destroy())
  return Object.assign(state, { cut, url: `http://127.0.0.1:${gate.address().port}` })
}

/** A `fetch` that notes what is sent, as `POST /auth/login`, and keeps cookies as a browser does. */
export function recorder(jar = new Map()) {
  const sent = []
  const fetch = async (url, init) => {
    const headers = { ...init.headers }
    if (init.credentials === 'include')
      headers.Cookie = Array.from(jar, ([name, value]) => `${name}=${value}`).join('; ')
    sent.push({ what: `${init.method} ${new URL(url).pathname}`, url, headers, body: init.body })
    const response = await globalThis.fetch(url, { ...init, headers })
    for (const cookie of init.credentials === 'include' ? response.headers.getSetCookie() : []) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)
      if (value) jar.set(name, value)
      else jar.delete(name)
    }
    return response
  }
  return { fetch, sent, jar, whats: () => sent.map(({ what }) => what) }
}

/** Waits for a condition. */
export async function until(isMet) {
  while (!(await isMet())) await new Promise((resume) => setTimeout(resume, 10))
}

/** Waits until the server says of all tokens that were sent last that they have expired. */
export async function expiry(url, ...recorders) {
  const tokens = recorders.map(
    ({ sent }) => sent.findLast(({ headers }) => headers.Authorization)?.headers.Authorization,
  )
  for (const Authorization of tokens) {
    for (;;) {
      const answer = await fetch(`${url}/me`, { headers: { Authorization } })
      if (answer.status === 401) {
        const { type } = await answer.json()
        if (type !== '/problems/expired-token') throw new Error(type)
        break
      }
      await answer.arrayBuffer()
      await new Promise((resume) => setTimeout(resume, 50))
    }
  }
}

/** A client of a new account, logged in, and what it sends. */
export async function newcomer(server, options = {}) {
  const noted = recorder()
  const users = []
  const url = options.url ?? server.url
  const kennel = new Kennel(url, {
    fetch: noted.fetch,
    onUserChange: (user) => users.push(user?.username ?? null),
    ...options,
  })
  const username = `a${randomBytes(8).toString('hex')}`
  await kennel.signup({ username, email: `${username}@example.com`, password })
  const user = await kennel.login({ username, password })
  await kennel.get('/me')
  return { kennel, username, user, users, ...noted }
}

/** What went wrong, which must have. */
export async function failure(promise) {
  const error = await promise.then(
    () => undefined,
    (error) => error,
  )
  assert(error instanceof KennelError, `${inspect(error)} is no KennelError`)
  return error
}
