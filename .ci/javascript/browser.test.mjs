// What the client does in a browser, on a page of another origin than the server's: the page of docs/clients.md, three
// tabs that refresh at the same time, with and without the cookie, and docs/live.html in two browsers.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, mkdir } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Kennel } from 'kennel-client'
import { chromium } from 'playwright-core'
import { password, road, serve, until } from './server.mjs'

const { KENNEL_PAGE, KENNEL_LIVE, KENNEL_PICTURES } = process.env
const netLog = join(KENNEL_PICTURES, 'net-log.json')
let server, kennelUrl, wayUrl, pages, pageUrl, browser

before(async () => {
  await mkdir(KENNEL_PICTURES, { recursive: true })
  const page = async (file, url) => (await readFile(file, 'utf8')).replaceAll('http://localhost:8000', url)
  const script = ['text/javascript', () => readFile(new URL(import.meta.resolve('kennel-client')))]
  const files = {
    '/': ['text/html', () => page(KENNEL_PAGE, kennelUrl)],
    '/docs/live.html': ['text/html', () => page(KENNEL_LIVE, kennelUrl)],
    '/docs/live-over-a-bad-road.html': ['text/html', () => page(KENNEL_LIVE, wayUrl)],
    '/blank': ['text/html', async () => '<!doctype html><title>A page of another origin</title>'],
    '/kennel.js': script,
    '/clients/javascript/kennel.js': script,
    '/favicon.ico': ['image/x-icon', async () => ''],
  }
  pages = createServer(async (request, response) => {
    const [type, read] = files[request.url] ?? []
    response
      .writeHead(type ? 200 : 404, { 'Content-Type': `${type ?? 'text/plain'}; charset=utf-8` })
      .end(await read?.())
  }).listen(0, '127.0.0.1')
  await once(pages, 'listening')
  // One host name for both, as localhost and 127.0.0.1 are two sites to a browser.
  pageUrl = `http://localhost:${pages.address().port}`
  server = await serve({ CORS_ORIGINS: pageUrl })
  kennelUrl = `http://localhost:${server.port}`
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    // What the browser itself would ask of its makers' hosts stays here, too.
    args: [
      '--no-sandbox',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      `--log-net-log=${netLog}`,
    ],
  })
})
after(async () => {
  await browser?.close()
  pages?.close()
  pages?.closeAllConnections()
  await server?.stop()
})

/** An account, made by another way than the client. */
async function account(username) {
  const body = JSON.stringify({ username, email: `${username}@example.com`, password })
  const answer = await fetch(`${server.url}/auth/signup`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body,
  })
  assert.equal(answer.status, 201)
  return { username, password }
}

/** A browser of its own, in which nothing may go wrong unseen. */
async function fresh() {
  const context = await browser.newContext()
  const faults = []
  context.on('page', (page) => page.on('pageerror', (error) => faults.push(error.message)))
  const asked = []
  context.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`))
  return { context, faults, asked }
}

/** A tab with a client in it, as `kennel`. */
async function tab(context, cookie) {
  const page = await context.newPage()
  await page.goto(`${pageUrl}/blank`)
  await page.evaluate(
    async ([url, cookie]) => {
      const { Kennel, KennelError } = await import('/kennel.js')
      Object.assign(globalThis, { kennel: new Kennel(url, { cookie }), KennelError })
    },
    [kennelUrl, cookie],
  )
  return page
}

const all = (tabs, work, argument) => Promise.all(tabs.map((page) => page.evaluate(work, argument)))

/** Waits until the access tokens of all tabs have expired, without the client, which would refresh them. */
async function expired(context, tabs) {
  const tokens = []
  for (const page of tabs) {
    const request = page.waitForRequest((request) => request.method() === 'GET' && request.url().endsWith('/me'))
    const [sent] = await Promise.all([request, page.evaluate(() => kennel.get('/me'))])
    tokens.push((await sent.allHeaders()).authorization)
  }
  for (const Authorization of tokens) {
    while ((await fetch(`${server.url}/me`, { headers: { Authorization } })).ok)
      await new Promise((resume) => setTimeout(resume, 50))
  }
}

/** What scripts of the page can read that stays there. */
const kept = () => [localStorage.length, sessionStorage.length, document.cookie]

for (const cookie of [true, false]) {
  describe(cookie ? 'with the cookie' : 'with tokens in memory', () => {
    it('three tabs refresh at once and stay logged in, until one logs out', async () => {
      const { context, faults, asked } = await fresh()
      const alice = await account(cookie ? 'alice' : 'bob')
      const tabs = [await tab(context, cookie), await tab(context, cookie), await tab(context, cookie)]
      // Without the cookie each tab is a session of its own.
      await all(cookie ? tabs.slice(0, 1) : tabs, (alice) => kennel.login(alice), alice)
      if (cookie) await all(tabs, () => kennel.refresh())
      assert.deepEqual(
        await all(tabs, () => kennel.user.username),
        tabs.map(() => alice.username),
      )
      await expired(context, tabs)
      asked.length = 0
      const names = await all(tabs, async () => {
        const calls = [
          kennel.get('/me'),
          kennel.get('/dogowner/dogs'),
          kennel.post('/dogowner/owners', { body: { name: 'Ann' } }),
        ]
        return (await Promise.all(calls))[2].data.name
      })
      assert.deepEqual(names, ['Ann', 'Ann', 'Ann'])
      assert.equal(asked.filter((one) => one === 'POST /auth/refresh').length, 3, `${asked}`)
      // None waits for the others here, so that a tab may be several refreshes ahead.
      await all(tabs, async () => {
        for (let round = 0; round < 20; round++)
          if (!(await kennel.refresh())) throw new Error(`round ${round}: logged out`)
      })
      const { data: sessions } = await tabs[0].evaluate(() => kennel.get('/me/sessions'))
      assert.equal(sessions.length, cookie ? 1 : 3)
      const { data: owners } = await tabs[1].evaluate(() => kennel.get('/dogowner/owners'))
      assert.equal(owners.length, 3)

      assert.deepEqual(
        await all(tabs, kept),
        tabs.map(() => [0, 0, '']),
      )
      const cookies = await context.cookies()
      assert.deepEqual(
        cookies.map(({ name, httpOnly, secure, sameSite }) => [name, httpOnly, secure, sameSite]),
        cookie ? [['__Host-kennel_refresh', true, true, 'Strict']] : [],
      )

      await tabs[2].evaluate(() => kennel.logout())
      assert.deepEqual(await context.cookies(), [])
      const [told] = await all(tabs.slice(0, 1), () =>
        kennel.get('/me').then(
          () => 'logged in',
          ({ type }) => type,
        ),
      )
      assert.equal(told, cookie ? '/problems/revoked-token' : 'logged in')
      assert.equal(await tabs[0].evaluate(() => kennel.user?.username ?? null), cookie ? null : alice.username)
      assert.deepEqual(faults, [])
      await context.close()
    })
  })
}

describe('with the cookie, in a tab that is closed', () => {
  it('the refresh goes on, and the browser keeps the next cookie', async () => {
    const { context } = await fresh()
    const erin = await account('erin')
    const stays = await tab(context, true)
    await stays.evaluate((erin) => kennel.login(erin), erin)
    const cookie = async () => (await context.cookies()).map(({ value }) => value).join()
    for (let round = 0; round < 10; round++) {
      const before = await cookie()
      const goes = await tab(context, true)
      const asked = goes.waitForRequest((request) => request.url().endsWith('/auth/refresh'))
      await goes.evaluate(() => void kennel.refresh())
      await asked
      await goes.close()
      while ((await cookie()) === before) await new Promise((resume) => setTimeout(resume, 50))
    }
    assert.equal(await stays.evaluate(() => kennel.refresh().then((user) => user?.username)), erin.username)
    await context.close()
  })
})

describe('the page of docs/clients.md', () => {
  it('logs in, says what is wrong, lists, creates, outlives a reload, and logs out', async () => {
    const { context, faults, asked } = await fresh()
    const { username } = await account('carol')
    const page = await context.newPage()
    await page.goto(pageUrl)
    await page.getByLabel('Username').fill(username)
    await page.getByLabel('Password').fill('no sofa at all')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByRole('alert').getByText('No account has this username or e-mail with this password.').waitFor()
    await page.getByLabel('Password').fill(password)
    for (;;) {
      await page.getByRole('button', { name: 'Log in' }).click()
      // After a wrong password the next try waits, and says so.
      if (
        await Promise.race([
          page
            .getByRole('button', { name: 'Add' })
            .waitFor()
            .then(() => true),
          page
            .getByRole('alert')
            .getByText('Retry-After')
            .waitFor()
            .then(() => false),
        ])
      )
        break
    }
    const hostile = '<img src=x onerror=alert(1)>'
    for (const name of ['Ann', hostile]) {
      await page.getByLabel('Owner').fill(name)
      await page.getByRole('button', { name: 'Add' }).click()
      await page.getByRole('listitem').getByText(name, { exact: true }).waitFor()
    }
    assert.equal(await page.locator('img').count(), 0)
    await page.getByLabel('Owner').fill('​')
    await page.getByRole('button', { name: 'Add' }).click()
    await page.getByRole('alert').getByText('name').waitFor()
    await page.screenshot({ path: join(KENNEL_PICTURES, 'page.png') })
    await page.reload()
    await page.getByRole('listitem').getByText('Ann', { exact: true }).waitFor()
    assert.deepEqual(await page.getByRole('listitem').allTextContents(), ['Ann', hostile])
    assert.deepEqual(await page.evaluate(kept), [0, 0, ''])
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    assert.equal(await page.getByRole('listitem').count(), 0)
    assert(asked.includes('POST /auth/logout'))
    assert.deepEqual(faults, [])
    await context.close()
  })

  it('is told where page and server are two sites to the browser', async () => {
    const { context } = await fresh()
    const page = await context.newPage()
    await page.goto(`${pageUrl}/blank`)
    const told = await page.evaluate(
      async ([url, password]) => {
        const { Kennel } = await import('/kennel.js')
        return new Kennel(url, { cookie: true }).login({ username: 'carol', password }).catch(({ type }) => type)
      },
      [server.url, password],
    )
    assert.equal(told, '/problems/cross-site')
    await context.close()
  })
})

describe('docs/live.html, in two browsers', () => {
  it('shows the dogs as they are, also after the connection of one was lost', async (test) => {
    const way = await road(test, server.port)
    wayUrl = way.url.replace('127.0.0.1', 'localhost')
    const dora = await account('dora')
    const kennel = new Kennel(server.url)
    await kennel.login(dora)
    const { data: owner } = await kennel.post('/dogowner/owners', { body: { name: 'Dora' } })
    const adopt = async (name) => (await kennel.post('/dogowner/dogs', { body: { name, owner_id: owner.id } })).data.id
    const rename = (dog_id, name) => kennel.patch('/dogowner/dogs/{dog_id}', { path: { dog_id }, body: { name } })
    const giveAway = (dog_id) => kennel.delete('/dogowner/dogs/{dog_id}', { path: { dog_id } })
    const rex = await adopt('Rex')
    const max = await adopt('Max')

    const views = []
    for (const address of ['/docs/live.html', '/docs/live-over-a-bad-road.html']) {
      const { context, faults } = await fresh()
      const page = await context.newPage()
      await page.goto(pageUrl + address)
      await page.getByLabel('Username').fill(dora.username)
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Log in' }).click()
      views.push({ context, faults, page })
    }
    const [good, bad] = views
    const shows = ({ page }, names) =>
      page.waitForFunction(
        (names) => Array.from(document.querySelectorAll('li'), (item) => item.textContent).join('|') === names,
        names.join('|'),
      )
    const bothShow = (...names) => Promise.all(views.map((view) => shows(view, names)))
    await bothShow('Rex', 'Max')

    // Through the API: a change, and one that is taken back.
    const hostile = '<img src=x onerror=alert(1)>'
    await rename(rex, hostile)
    await bothShow(hostile, 'Max')
    await giveAway(max)
    await bothShow(hostile)
    const { data: book } = await kennel.get('/dogowner/book')
    await kennel.post('/dogowner/changes/{seq}/undo', { path: { seq: book.last } })
    await bothShow(hostile, 'Max')

    // The connection of one is lost, and things go on.
    await until(() => way.streams === 1)
    way.port = undefined
    way.cut()
    await giveAway(rex)
    const kim = await adopt('Kim')
    await rename(max, 'Maxi')
    await adopt('Lea')
    await giveAway(kim)
    await shows(good, ['Maxi', 'Lea'])
    await shows(bad, [hostile, 'Max'])
    way.port = server.port
    await bothShow('Maxi', 'Lea')

    // Also when what was missed is forgotten.
    await until(() => way.streams === 1)
    way.port = undefined
    way.cut()
    await giveAway(max)
    await kennel.delete('/dogowner/changes')
    way.port = server.port
    await bothShow('Lea')
    await adopt('Kim')
    await bothShow('Lea', 'Kim')

    await bad.page.screenshot({ path: join(KENNEL_PICTURES, 'live.png') })
    for (const { context, faults, page } of views) {
      assert.equal(await page.locator('img').count(), 0)
      assert.equal(await page.getByRole('alert').textContent(), '')
      assert.deepEqual(await page.evaluate(kept), [0, 0, ''])
      assert.deepEqual(faults, [])
      await context.close()
    }
  })
})

describe('the pages', () => {
  it('asked no other host, says the log of the browser', async () => {
    await browser.close()
    const log = JSON.parse(await readFile(netLog, 'utf8'))
    // What the browser asks of its own accord has no origin.
    const asked = log.events.map(({ params }) => params).filter((params) => /^https?:/.test(params?.initiator))
    const hosts = new Set(asked.map(({ url }) => new URL(url).host))
    assert(asked.length > 100, `${asked.length} requests`)
    const ours = [pageUrl, kennelUrl, wayUrl, server.url].map((url) => new URL(url).host)
    assert.deepEqual(
      [...hosts].filter((host) => !ours.includes(host)),
      [],
    )
  })
})
