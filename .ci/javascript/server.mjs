// What the tests stand on: a server of their own on a database with others' rows, a connection that can be lost, and
// a browser's cookies.
import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const password = 'seven brown sofas at dawn'
const generous = '1000000/1s'

/** A server; its access tokens are good for a second, and 5 more for the clocks of others. */
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
  execFileSync(process.env.KENNEL, ['seed', '--users', '3', '--dogs', '30', '--seed', '42'], { cwd: folder, env })
  const child = spawn(process.env.KENNEL, [], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
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
  const stop = async () => {
    child.kill('SIGTERM')
    await ended
    await rm(folder, { recursive: true })
  }
  return { port, url: `http://127.0.0.1:${port}`, stop }
}

/** A way to a server that loses the next answers, after the server has sent them. It is there for one test. */
export async function road(test, port) {
  const state = { lost: 0 }
  const sockets = new Set()
  const gate = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => (client.destroy(), server.destroy()))
    }
    client.on('data', (bytes) => server.write(bytes))
    server.on('data', (bytes) => {
      if (state.lost-- > 0) client.destroy()
      else client.write(bytes)
    })
  })
  await new Promise((resolve) => gate.listen(0, '127.0.0.1', resolve))
  test.after(() => {
    gate.close()
    for (const socket of sockets) socket.destroy()
  })
  return Object.assign(state, { url: `http://127.0.0.1:${gate.address().port}` })
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
