// What the tests of the console stand on: a server at one address, whose connection can be lost and which can be killed
// and begun anew; accounts; and people with browsers of their own, in which nothing goes wrong unseen.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kennel } from 'kennel-client'
import { chromium } from 'playwright-core'
import { barriers } from './axe.mjs'
import { password, recorder, road, serve, until as untilEver } from './server.mjs'

export { password }

/** Waits for a condition, and fails if it is not met in half a minute. */
export async function until(isMet) {
  const end = Date.now() + 30_000
  await untilEver(async () => {
    assert(Date.now() < end, `not in half a minute: ${isMet}`)
    return isMet()
  })
}

const { CHROMIUM, KENNEL_NET_LOGS, KENNEL_PICTURES, KENNEL_POSTGRES } = process.env

/** A database that nobody has used, for a server: in PostgreSQL if there is one, or else the server's own file. */
function database() {
  if (!KENNEL_POSTGRES) return {}
  const name = `console_${randomBytes(8).toString('hex')}`
  execFileSync('psql', ['--quiet', '--command', `CREATE DATABASE ${name}`, KENNEL_POSTGRES])
  const DATABASE_URL = KENNEL_POSTGRES.replace(/[^/]*$/, name)
  // That this one may lose what it was told is warned of.
  return { DATABASE_URL, JWT_SECRET: randomBytes(48).toString('base64url'), LOG: 'error' }
}

/**
 * A server, the way to it and a browser, for the tests of a file: `before(async () => (stage = await open()))`, and
 * `after(() => stage.close())`. An access token is good for six seconds, so that it expires in the midst of things; what
 * is not to be, `settings` say.
 */
export async function open(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'kennel-console.'))
  const netLog = join(KENNEL_NET_LOGS, `${randomBytes(8).toString('hex')}.json`)
  const undo = []
  // The address comes first, since mails lead to it; and it stays when the server begins anew at another port.
  const way = await road({ after: (work) => undo.push(work) })
  const { url } = way
  const server = await serve({ ...database(), PUBLIC_URL: url, MAIL_URL: `file:${folder}/outbox`, ...settings })
  way.port = server.port
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    // What the browser itself would ask of its makers' hosts stays here, too.
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1', `--log-net-log=${netLog}`],
  })

  const stage = {
    url,
    server,
    way,
    browser,
    /** Takes the server out of everybody's reach, and cuts what connections there are. */
    lose: () => {
      way.port = undefined
      way.cut()
    },
    /** Brings it back. */
    restore: () => (way.port = server.port),
    /** Ends the server by a signal, and begins it anew on the same database, at the same address. */
    restart: async (signal = 'SIGKILL') => {
      way.port = undefined
      way.cut()
      await server.restart(signal)
      way.port = server.port
    },

    /** A new account with a client that is logged in to it (`kennel`), by another way than the console. */
    member: async () => {
      const username = newName()
      const email = `${username}@example.com`
      // With a cookie, as the console has it, the login outlasts its first token.
      const kennel = new Kennel(url, { cookie: true, fetch: recorder().fetch })
      await kennel.signup({ username, email, password })
      await kennel.login({ username, password })
      return { username, email, password, kennel }
    },

    /** The console in a browser of its own, as `visit`, with this account logged in. */
    enter: async (test, member, options) => {
      const page = await stage.visit(test, options)
      await logIn(page, member)
      await page.getByRole('heading', { name: 'Dogs', level: 1 }).waitFor()
      return page
    },

    /** The link of the first mail of a kind, such as `verify` or `reset`, to somebody; waits for it. */
    mail: async (kind, username) => {
      let link
      await until(async () => {
        const names = await readdir(`${folder}/outbox`).catch(() => [])
        for (const name of names.filter((name) => /^[^.]/.test(name) && name.endsWith(`-${kind}.eml`)).sort()) {
          const text = await readFile(`${folder}/outbox/${name}`, 'utf8')
          if (text.includes(`Hello ${username},`)) link ??= /^ {4}(\S+#action=\S+)/m.exec(text)?.[1]
        }
        return link
      })
      return link
    },

    /**
     * The console in a browser of its own, for one test, which fails if the page throws or says an error, is against its
     * policy, or asks another host. `path` is what is opened; all else is for the browser (`viewport`, `colorScheme`,
     * `locale`, …). What went wrong is in `page.faults`. More tabs of the same browser: `await page.context().newPage()`.
     */
    visit: async (test, { path = '/app', ...options } = {}) => {
      const faults = []
      // Whoever wants less motion gets none, and nobody has to wait for it here.
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: 'reduce', ...options })
      context.setDefaultTimeout(30_000)
      await context.exposeBinding('tellViolation', (_, what) => void faults.push(`is against the policy: ${what}`))
      await context.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
          globalThis.tellViolation(`${violatedDirective}: ${blockedURI} ${sample}`),
        )
      })
      context.on('request', (request) => {
        const to = request.url()
        if (!to.startsWith(`${url}/`) && !/^(data|blob):/.test(to)) faults.push(`asks ${to}`)
      })
      context.on('console', (message) => {
        // That an answer was an error, or that there was no network, is what some of this is about.
        const isExpected = message.text().startsWith('Failed to load resource:')
        if (message.type() === 'error' && !isExpected) faults.push(`says: ${message.text()}`)
      })
      context.on('weberror', (error) => faults.push(`throws: ${error.error().stack ?? error.error().message}`))
      test.after(async () => {
        await context.close()
        assert.deepEqual(faults, [], `the page of ${path}`)
      })
      const page = Object.assign(await context.newPage(), { faults })
      await page.goto(url + path)
      return page
    },

    close: async () => {
      await browser.close()
      await server.stop()
      for (const work of undo) work()
      await rm(folder, { recursive: true })
      const { events } = JSON.parse(await readFile(netLog, 'utf8'))
      // What the browser asks of its own accord has no origin.
      const asked = events.map(({ params }) => params).filter((params) => /^https?:/.test(params?.initiator))
      const elsewhere = asked.map((params) => params.url).filter((asked) => !asked.startsWith(`${url}/`))
      assert.deepEqual(elsewhere, [], 'the pages asked another host, says the log of the browser')
    },
  }
  return stage
}

/** A username that nobody has. */
export const newName = () => `a${randomBytes(8).toString('hex')}`

/** Logs in as an account of `member`, where the page asks for it. */
export async function logIn(page, { username, password }) {
  await page.getByLabel('Username or e-mail').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Opens a screen by its name in the bar, or in the tabs below it. */
export async function go(page, name) {
  await page.getByRole('link', { name, exact: true }).first().click()
  await page.getByRole('heading', { name, level: 1 }).waitFor()
}

/** A row of a list, by something that it says. */
export const row = (page, text) => page.getByRole('main').getByRole('listitem').filter({ hasText: text })

/** Chooses what a picker offers. */
export async function choose(within, label, name) {
  await within.getByRole('combobox', { name: label, exact: true }).fill(name)
  await within.getByRole('option', { name }).click()
}

/** Presses the button of the topmost dialog, which closes by it. */
export async function press(page, name = 'Save') {
  const dialog = page.getByRole('dialog').last()
  const handle = await dialog.elementHandle()
  await dialog.getByRole('button', { name, exact: true }).click()
  await handle.waitForElementState('hidden')
}

/**
 * Fails if somebody cannot read, name or reach what is on the page: by day and by night, on a desk and on a phone. The page
 * is the same whatever the database is, so one of the two will do.
 */
export async function isForEverybody(page) {
  if (KENNEL_POSTGRES) return
  const size = page.viewportSize()
  assert.deepEqual(await barriers(page), [], 'light')
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 320, height: 640 })
  assert.deepEqual(await barriers(page), [], 'dark, and 320 pixels wide')
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme: 'light' })
}

/** A picture of what is on the screen, in target/console. */
export const picture = (page, name) => page.screenshot({ path: join(KENNEL_PICTURES, `${name}.png`) })

/** Nothing that is secret is kept where another page, or the next one, could find it; the cookie is out of reach. */
export async function keepsNoSecret(page) {
  const kept = await page.evaluate(async () => ({
    storage: Object.values({ ...localStorage, ...sessionStorage }),
    cookie: document.cookie,
    workers: (await navigator.serviceWorker.getRegistrations()).length,
  }))
  for (const value of kept.storage) assert.doesNotMatch(value, /\beyJ|kennel_|sofas/, 'a token, a key or a password is kept')
  assert.deepEqual([kept.cookie, kept.workers], ['', 0])
}
