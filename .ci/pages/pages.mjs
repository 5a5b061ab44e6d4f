// What people do with the pages, from the first look to the last operation.
import { SERVER, SITE, assert, close, faults, isForEverybody, open, picture, weigh } from './browser.mjs'

const PASSWORD = 'seven brown sofas at dawn' // as in the contract
const NEW_PASSWORD = 'nine quiet boats past noon'

const told = (what) => console.log(`pages: ${what}`)

/** The docs, once there is something to click. */
const openDocs = async (screen) => {
  const page = await open('/docs', screen)
  await page.waitForSelector('.opblock')
  return page
}

// ---------------------------------------------------------------- weight

/** What is loaded for the first time is light, and what was loaded before is kept. */
const weight = async () => {
  const page = await open('/dogs')
  for (const path of ['/', '/problems', '/problems/validation-failed']) {
    const other = await open('/dogs')
    const { bytes } = await weigh(other, () => other.goto(SITE + path))
    assert(bytes > 0 && bytes < 20_000, `${path} loads ${bytes} bytes`)
    await other.context().close()
  }
  const docs = async () => {
    await page.goto(`${SITE}/docs`)
    await page.waitForSelector('.opblock')
  }
  const first = await weigh(page, docs)
  assert(first.bytes > 100_000 && first.bytes < 500_000, `the docs load ${first.bytes} bytes`)
  await page.goto(`${SITE}/problems`)
  const again = await weigh(page, docs)
  // They are asked for, and not sent.
  assert.deepEqual(again.paths.sort(), ['/docs', '/openapi.json'])
  assert(again.bytes < 2_500, `the docs load ${again.bytes} bytes once more`)
  told(`the docs load ${first.bytes} bytes, and then ${again.bytes}`)
  await page.context().close()
}

// ---------------------------------------------------------------- operations

const block = (operation) => `#operations-${operation}`

/** Opens an operation, unless it is, and executes it as it stands, or with another body. The status of the answer. */
const execute = async (page, operation, body) => {
  const at = block(operation)
  if (!(await page.locator(`${at}.is-open`).count())) await page.click(`${at} .opblock-summary-control`)
  if (body !== undefined) await page.fill(`${at} textarea.body-param__text`, JSON.stringify(body))
  const clear = page.locator(`${at} .btn-clear`)
  if (await clear.count()) await clear.click()
  await page.click(`${at} .execute`)
  const answer = page.locator(`${at} .live-responses-table tbody .response-col_status, ${at} .responses-inner > div .problem`)
  await answer.first().waitFor()
  const text = await answer.first().textContent()
  return Number.parseInt(text, 10) || text
}

const shut = (page, operation) => page.click(`${block(operation)} .opblock-summary-control`)

/** Writes another value into a parameter of an operation that is open. */
const set = (page, operation, parameter, value) =>
  page.fill(`${block(operation)} [data-param-name="${parameter}"] input`, value)

const logIn = async (page, username, password) => {
  await page.click('.scheme-container .authorize')
  await page.fill('dialog [name=username]', username)
  await page.fill('dialog [name=password]', password)
  await page.click('dialog [type=submit]')
}

const logsIn = async (page, username, password) => {
  await logIn(page, username, password)
  await page.waitForSelector('dialog', { state: 'detached' })
  await page.waitForSelector('.scheme-container .authorize.locked')
}

const logsOut = async (page) => {
  await page.click('.scheme-container .authorize')
  await page.click('dialog button:has-text("Log out")')
  await page.waitForSelector('dialog', { state: 'detached' })
  await page.waitForSelector('.scheme-container .authorize.unlocked')
}

/** Nothing that is secret is kept where another page, or the next one, could find it. */
const keepsNothing = async (page) => {
  const kept = await page.evaluate(async () => ({
    storage: { ...localStorage, ...sessionStorage },
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
    workers: (await navigator.serviceWorker.getRegistrations()).length,
    cookie: document.cookie,
  }))
  assert.deepEqual(kept, { storage: {}, databases: [], caches: [], workers: 0, cookie: '' })
  assert.deepEqual(await page.context().cookies(), [])
}

// ---------------------------------------------------------------- all of the contract

/** The order in which each operation finds what it wants, as its examples have it; the contract's within each group. */
const ORDER = {
  // In this very order.
  first: ['signup', 'login', 'replace_profile'],
  // `create_…`; then all that is in no other group; and `delete_…`, the other way around.
  last: ['replace_password', 'update_me', 'logout', 'delete_me'],
}

/** What is answered where no example can be right: the server has given out no such token, and the console has a version. */
const EXPECTED = { refresh: 401, reset_password: 422, verify_email: 422, cancel_email: 422, show_console_file: 404 }

/** What is done before an operation, beside what was executed before. */
const BEFORE = {
  // The login of the example is the page's. After another one the first session is there to be ended, as its example has it.
  replace_profile: async (page) => {
    await page.waitForSelector('.scheme-container .authorize.locked')
    assert.equal(await execute(page, 'auth-login'), 200)
    await shut(page, 'auth-login')
  },
  // The first change made the owner, who has dogs by now: the newest can be taken back in any case.
  undo_change: async (page) => {
    assert.equal(await execute(page, 'changes-show_book'), 200)
    const text = await page.textContent(`${block('changes-show_book')} .live-responses-table .highlight-code code`)
    await shut(page, 'changes-show_book')
    await page.click(`${block('changes-undo_change')} .opblock-summary-control`)
    await set(page, 'changes-undo_change', 'seq', `${JSON.parse(text).last}`)
  },
  // The first owner has two dogs, of which the example deletes one.
  delete_owner: async (page) => {
    await page.click(`${block('dogs-delete_dog')} .opblock-summary-control`)
    await set(page, 'dogs-delete_dog', 'dog_id', '2')
    assert.equal(await execute(page, 'dogs-delete_dog'), 204)
    await shut(page, 'dogs-delete_dog')
  },
  delete_me: async (page) => {
    // The logout of the example was the page's, too.
    await page.waitForSelector('.scheme-container .authorize.unlocked')
    await logsIn(page, 'alice-and-rex', NEW_PASSWORD)
    await logsOut(page)
    await logsIn(page, 'alice-and-rex', NEW_PASSWORD)
  },
}

/** The operations of the contract, in the order in which they are executed. */
const ordered = (contract) => {
  const operations = new Map()
  for (const { parameters, ...methods } of Object.values(contract.paths)) {
    for (const { operationId, tags, responses } of Object.values(methods)) {
      const good = Object.keys(responses).filter((status) => status.startsWith('2')).map(Number)
      operations.set(operationId, { id: operationId, at: `${tags[0]}-${operationId}`, good })
    }
  }
  const named = [...ORDER.first, ...ORDER.last]
  const others = [...operations.keys()].filter((id) => !named.includes(id))
  const creating = others.filter((id) => id.startsWith('create_'))
  const deleting = others.filter((id) => id.startsWith('delete_'))
  const between = others.filter((id) => !creating.includes(id) && !deleting.includes(id))
  const ids = [...ORDER.first, ...creating, ...between, ...deleting.reverse(), ...ORDER.last]
  assert.equal(ids.length, operations.size)
  return ids.map((id) => operations.get(id))
}

/** All of the contract, each by its first click. */
const everything = async () => {
  const contract = await (await fetch(`${SERVER}/openapi.json`)).json()
  const page = await openDocs()
  const operations = ordered(contract)
  assert.equal(await page.locator('.opblock').count(), operations.length)
  for (const { id, at, good } of operations) {
    await BEFORE[id]?.(page)
    const status = await execute(page, at)
    const isRight = id in EXPECTED ? status === EXPECTED[id] : good.includes(status)
    assert(isRight, `${id} is executed as it stands, and answers ${status}`)
    const problems = await page.locator(`${block(at)} .problem`).count()
    assert.equal(problems, status >= 400 ? 1 : 0, `${id} shows a problem if there is one`)
    await shut(page, at)
  }
  told(`${operations.length} operations do what they say at the first click`)
  await keepsNothing(page)
  await page.context().close()
}

// ---------------------------------------------------------------- what goes wrong

const EVIL = '<img src=x onerror="globalThis.hacked=1">'

/** Words that look like tags are words. */
const areWords = async (page) => {
  assert.equal(await page.locator('img[src=x]').count(), 0)
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined)
}

/** What the page tells of the problem that an operation has shown. */
const note = (page, operation) => page.textContent(`${block(operation)} .problem`)

/** A login with a wrong password, too many of them, with no server there, and then the right one. */
const logins = async (page) => {
  await logIn(page, 'zoe', 'wrong')
  await page.waitForSelector('dialog .problem:has-text("Wrong username or password")')
  await page.click('dialog [type=submit]')
  await page.waitForSelector('dialog .problem:has-text("Too many failed attempts")')
  assert.match(await page.textContent('dialog .problem'), /429.*Try again in \d+ seconds?\./)
  await isForEverybody(page, 'a login that failed')
  await picture(page, 'login-failed')
  await page.context().setOffline(true)
  await page.click('dialog [type=submit]')
  await page.waitForSelector('dialog .problem:has-text("The server cannot be reached")')
  await page.context().setOffline(false)

  // By keyboard: the dialog shuts, and gives the focus back; and then the right password, once the wait is over.
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement.classList.contains('authorize')), true)
  for (;;) {
    await logIn(page, 'zoe', PASSWORD)
    await page.waitForSelector('dialog .problem, .scheme-container .authorize.locked')
    if (await page.locator('.scheme-container .authorize.locked').count()) break
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
  }
}

const problems = async () => {
  const page = await openDocs()
  await page.clock.install()

  // Without a login.
  assert.equal(await execute(page, 'owners-create_owner'), 401)
  assert.match(await note(page, 'owners-create_owner'), /An access token is needed/)

  // Field by field.
  assert.equal(await execute(page, 'auth-signup', { username: 'al', email: 'alice', password: 'sofa', age: 7 }), 422)
  for (const field of ['username', 'email', 'password', 'age']) assert.match(await note(page, 'auth-signup'), new RegExp(`/${field} [A-Z]`))

  // A name that is somebody's; and too many who sign up.
  const zoe = { username: 'zoe', email: 'zoe@example.com', password: PASSWORD }
  assert.equal(await execute(page, 'auth-signup', zoe), 201)
  assert.equal(await execute(page, 'auth-signup', zoe), 409)
  assert.match(await note(page, 'auth-signup'), /409.*username/)
  let status = 409
  for (let attempts = 0; attempts < 10 && status === 409; attempts += 1) status = await execute(page, 'auth-signup', zoe)
  assert.equal(status, 429)
  assert.match(await note(page, 'auth-signup'), /Too many requests.*Try again in \d+ seconds\./)
  await picture(page, 'too-many', `${block('auth-signup')} .live-responses-table`)
  await shut(page, 'auth-signup')

  await logins(page)

  // Words that look like tags are words, and so they are in what is told of them.
  assert.equal(await execute(page, 'owners-create_owner', { name: EVIL }), 201)
  assert.equal(await execute(page, 'owners-list_owners'), 200)
  assert.match(await page.textContent(`${block('owners-list_owners')} .live-responses-table`), /<img src=x onerror=/)
  assert.equal(await execute(page, 'owners-create_owner', { name: '', [EVIL]: EVIL }), 422)
  assert.match(await note(page, 'owners-create_owner'), /2 fields need attention.*\/name .*<img src=x onerror=/)
  await areWords(page)
  await picture(page, 'problem-fields', `${block('owners-create_owner')} .live-responses-table`)

  // The token is renewed when it is old, before the request that needs it, and not each time.
  const renewals = []
  page.on('request', (request) => renewals.push(...(request.url().endsWith('/auth/refresh') ? [request] : [])))
  for (const renewed of [1, 2]) {
    await page.clock.fastForward('01:00:00')
    for (const operation of ['owners-list_owners', 'dogs-list_dogs']) assert.equal(await execute(page, operation), 200)
    assert.equal(renewals.length, renewed)
  }

  // Another version than there is; a server that is not well; none at all.
  await page.click(`${block('owners-update_owner')} .opblock-summary-control`)
  await set(page, 'owners-update_owner', 'owner_id', await firstOwner(page))
  await set(page, 'owners-update_owner', 'If-Match', '"999"')
  assert.equal(await execute(page, 'owners-update_owner'), 412)
  assert.match(await note(page, 'owners-update_owner'), /The row has changed/)
  const body = { type: '/problems/unavailable', title: 'The service is not available', status: 503, detail: 'Later.' }
  await page.route('**/health/ready', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', headers: { 'Retry-After': '7' }, json: body }))
  assert.equal(await execute(page, 'service-show_readiness'), 503)
  assert.match(await note(page, 'service-show_readiness'), /503.*The service is not available.*Try again in 7 seconds\./)
  await page.context().setOffline(true)
  assert.match(await execute(page, 'service-show_liveness'), /The server cannot be reached/)
  await picture(page, 'offline', `${block('service-show_liveness')} .responses-wrapper`)
  await page.context().setOffline(false)
  assert.equal(await execute(page, 'service-show_liveness'), 200)

  await keepsNothing(page)
  await page.reload()
  await page.waitForSelector('.scheme-container .authorize.unlocked')
  await page.context().close()
}

const firstOwner = async (page) => {
  const text = await page.textContent(`${block('owners-list_owners')} .live-responses-table .highlight-code code`)
  return String(JSON.parse(text)[0].id)
}

/** An operation has an address; what is no operation's leads nowhere, and is words. */
const links = async () => {
  const page = await open('/docs#/dogs/list_dogs')
  await page.waitForSelector(`${block('dogs-list_dogs')}.is-open .execute`)
  await page.goto(`${SITE}/docs#/${encodeURIComponent(EVIL)}/${encodeURIComponent(EVIL)}`)
  await page.reload()
  await page.waitForSelector('.opblock')
  await areWords(page)
  await page.context().close()
}

/** No mouse is needed; and nothing moves for those who want it so. */
const keyboard = async () => {
  const page = await openDocs()
  const at = block('service-show_liveness')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip')
  await page.focus(`${at} .opblock-summary-control`)
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${at} .execute`)
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement.classList.contains('execute'))) break
  }
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${at} .live-responses-table`)
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0)
  assert.equal(await page.evaluate(() => location.hash), '#/service/show_liveness')
  await page.context().close()
}

/** No page of anybody's has ours in a frame. */
const frames = async () => {
  const page = await open('/')
  const other = await page.context().newPage()
  for (const path of ['/', '/docs', '/problems']) {
    await other.setContent(`<iframe src="${SITE}${path}"></iframe>`)
    const frame = await (await other.waitForSelector('iframe')).contentFrame()
    await frame.waitForURL('chrome-error://chromewebdata/')
  }
  await page.context().close()
}

// ---------------------------------------------------------------- looks

const SCREENS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
}

/** Each page, and the docs with much of all that there is to be seen open, is for everybody. */
const looks = async () => {
  for (const [name, screen] of Object.entries(SCREENS)) {
    for (const [path, called] of [['/', 'home'], ['/problems', 'problems'], ['/problems/validation-failed', 'problem']]) {
      const page = await open(path, screen)
      await isForEverybody(page, `${path} (${name})`)
      await picture(page, `${called}-${name}`)
      await page.context().close()
    }
    const page = await openDocs(screen)
    await picture(page, `docs-${name}`)
    for (const operation of ['dogs-list_dogs', 'owners-update_owner', 'dogs-replace_dog', 'owners-delete_owner']) {
      await execute(page, operation)
    }
    const told = await page.textContent(`${block('owners-update_owner')} .opblock-description`)
    assert.match(told, /An API key with the scope write opens this\./)
    await page.click('.guide summary')
    await page.click('.models .models-control')
    await isForEverybody(page, `/docs (${name})`)
    await picture(page, `guide-${name}`, '.guide')
    await picture(page, `operation-${name}`, block('dogs-list_dogs'))
    await picture(page, `body-${name}`, `${block('dogs-replace_dog')} .opblock-section-request-body`)
    await picture(page, `error-${name}`, `${block('dogs-list_dogs')} .responses-wrapper`)
    await page.click('.scheme-container .authorize')
    await page.waitForSelector('dialog[open]')
    await isForEverybody(page, `the login (${name})`)
    await picture(page, `login-${name}`)
    await page.context().close()
  }
}

for (const [what, walk] of Object.entries({ weight, everything, problems, links, keyboard, frames, looks })) {
  const begin = performance.now()
  await walk()
  told(`${what} is well (${Math.round((performance.now() - begin) / 1000)} s)`)
}
await close()
for (const fault of faults) console.error(`pages: ${fault}`)
assert.equal(faults.length, 0, 'what must not happen did')
told('all is well')
