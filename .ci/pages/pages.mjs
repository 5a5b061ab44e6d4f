// What people do with the pages, from the first look to the last operation.
import { URL, assert, close, faults, isForEverybody, open, picture, weigh } from './browser.mjs'

const PASSWORD = 'seven brown sofas at dawn' // as in the contract
const NEW_PASSWORD = 'nine quiet boats past noon'

const told = (what) => console.log(`pages: ${what}`)

// ---------------------------------------------------------------- looks

const SCREENS = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
}

const looks = async () => {
  for (const [name, screen] of Object.entries(SCREENS)) {
    for (const [path, called] of [['/', 'home'], ['/problems', 'problems'], ['/problems/validation-failed', 'problem']]) {
      const page = await open(path, screen)
      await isForEverybody(page, `${path} (${name})`)
      await picture(page, `${called}-${name}`)
      await page.context().close()
    }
    const page = await open('/docs', screen)
    await page.waitForSelector('.opblock')
    await picture(page, `docs-${name}`)
    await page.click('.guide summary')
    for (const operation of ['dogs-list_dogs', 'owners-update_owner', 'dogs-replace_dog', 'owners-delete_owner']) {
      await execute(page, operation)
    }
    await page.click('.models .models-control')
    await isForEverybody(page, `/docs (${name})`)
    await page.locator('#operations-dogs-list_dogs').scrollIntoViewIfNeeded()
    await picture(page, `operation-${name}`)
    await page.locator('#operations-dogs-list_dogs .problem').scrollIntoViewIfNeeded()
    await picture(page, `error-${name}`)
    await page.click('.scheme-container .authorize')
    await page.waitForSelector('dialog[open]')
    await isForEverybody(page, `the login (${name})`)
    await picture(page, `login-${name}`)
    await page.context().close()
  }
}

const weight = async () => {
  const page = await open('/problems')
  const first = await weigh(page, async () => {
    await page.goto(`${URL}/docs`)
    await page.waitForSelector('.opblock')
  })
  assert(first.bytes < 500_000, `the docs load ${first.bytes} bytes`)
  const again = await weigh(page, async () => {
    await page.goto(`${URL}/`)
    await page.goto(`${URL}/docs`)
    await page.waitForSelector('.opblock')
  })
  assert(again.bytes < 10_000, `the docs load ${again.bytes} bytes once more`)
  told(`the docs load ${first.bytes} bytes, and then ${again.bytes}`)
  await page.context().close()
}

// ---------------------------------------------------------------- operations

const block = (operation) => `#operations-${operation}`

/** Opens an operation, unless it is, and executes it as it stands. The status of the answer. */
const execute = async (page, operation, { body } = {}) => {
  const at = block(operation)
  if (!(await page.locator(`${at}.is-open`).count())) await page.click(`${at} .opblock-summary-control`)
  if (body !== undefined) await page.fill(`${at} textarea.body-param__text`, body)
  const clear = page.locator(`${at} .btn-clear`)
  if (await clear.count()) await clear.click()
  await page.click(`${at} .execute`)
  const answer = page.locator(`${at} .live-responses-table tbody .response-col_status, ${at} .responses-inner > div .problem`)
  await answer.first().waitFor()
  const text = await answer.first().textContent()
  return Number.parseInt(text, 10) || text
}

const shut = (page, operation) => page.click(`${block(operation)} .opblock-summary-control`)

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

/** Nothing that is secret is kept where another page, or the next one, could find it. */
const keepsNothing = async (page) => {
  const kept = await page.evaluate(() => ({ ...localStorage, ...sessionStorage, cookie: document.cookie }))
  assert.deepEqual(kept, { cookie: '' })
  assert.deepEqual(await page.context().cookies(), [])
}

/** All of the contract, each by its first click, in an order in which there is what each wants. */
const everything = async (contract) => {
  const page = await open('/docs')
  await page.waitForSelector('.opblock')
  const left = new Map()
  for (const methods of Object.values(contract.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (method === 'parameters') continue
      const good = Object.keys(operation.responses).filter((status) => status.startsWith('2')).map(Number)
      left.set(operation.operationId, { at: `${operation.tags[0]}-${operation.operationId}`, good })
    }
  }
  const clicked = async (id, wanted) => {
    const { at, good } = left.get(id)
    left.delete(id)
    const status = await execute(page, at)
    const isRight = wanted ? status === wanted : good.includes(status)
    assert(isRight, `${id} is executed as it stands, and answers ${status}`)
    const problems = await page.locator(`${block(at)} .problem`).count()
    assert.equal(problems, status >= 400 ? 1 : 0, `${id} shows a problem if there is one`)
    await shut(page, at)
  }

  await clicked('signup')
  await clicked('login')
  await logsIn(page, 'alice', PASSWORD)
  const makers = ['create_owner', 'create_owner_singular', 'create_dog', 'create_dog_singular', 'create_task']
  for (const id of [...makers, 'replace_profile', 'create_co_owner']) await clicked(id)
  // No example is a token that this server has given out.
  await clicked('refresh', 401)
  for (const id of ['reset_password', 'verify_email', 'cancel_email']) await clicked(id, 422)

  const last = ['delete_co_owner', 'delete_task', 'delete_dog', 'delete_owner', 'delete_profile', 'delete_session',
    'delete_other_sessions', 'replace_password', 'update_me', 'logout', 'delete_me']
  for (const id of [...left.keys()].filter((id) => !last.includes(id))) await clicked(id)
  for (const id of last) {
    // The first owner has the second dog still.
    if (id === 'delete_owner') assert.equal(await remove(page, '/dogowner/dogs/2'), 204)
    if (id === 'delete_me') await logsIn(page, 'alice-and-rex', NEW_PASSWORD)
    await clicked(id, id === 'logout' ? LOGOUT : undefined)
    if (id === 'logout') await logOut(page)
  }
  assert.deepEqual([...left.keys()], [])
  await keepsNothing(page)
  await page.context().close()
}

/** Logging out with the token of the example ends nothing, as it is from nowhere. */
const LOGOUT = 200

const logOut = async (page) => {
  await page.click('.scheme-container .authorize')
  await page.click('dialog button:has-text("Log out")')
  await page.waitForSelector('dialog', { state: 'detached' })
  await page.waitForSelector('.scheme-container .authorize.unlocked')
}

/** Deletes a row beside the page, with the token that it sends. */
const remove = async (page, path) => {
  const [request] = await Promise.all([
    page.waitForRequest((request) => request.url().startsWith(`${URL}/dogowner/owners`)),
    execute(page, 'owners-list_owners'),
  ])
  const { authorization } = await request.allHeaders()
  return (await fetch(URL + path, { method: 'DELETE', headers: { Authorization: authorization } })).status
}

// ---------------------------------------------------------------- what goes wrong

const problems = async () => {
  const page = await open('/docs')
  await page.waitForSelector('.opblock')
  const note = (operation) => page.textContent(`${block(operation)} .problem`)

  // Without a login; then with a wrong password, twice at once.
  assert.equal(await execute(page, 'owners-create_owner'), 401)
  assert.match(await note('owners-create_owner'), /An access token is needed/)
  assert.equal(await execute(page, 'auth-signup', { body: JSON.stringify({ username: 'zoe', email: 'zoe@example.com', password: PASSWORD }) }), 201)
  await logIn(page, 'zoe', 'wrong')
  await page.waitForSelector('dialog .problem:has-text("Wrong username or password")')
  await page.click('dialog [type=submit]')
  await page.waitForSelector('dialog .problem:has-text("Too many failed attempts")')
  assert.match(await page.textContent('dialog .problem'), /Try again in \d+ seconds?\./)
  await isForEverybody(page, 'a login that failed')
  await picture(page, 'login-failed')

  // By keyboard: the dialog shuts, and gives the focus back; and then the right password, once the wait is over.
  await page.keyboard.press('Escape')
  await page.waitForSelector('dialog', { state: 'detached' })
  assert.equal(await page.evaluate(() => document.activeElement.classList.contains('authorize')), true)
  // As soon as it was made, the token counts as old, so that each request gets the next one first.
  await page.route('**/auth/{login,refresh}', async (route) => {
    const answer = await route.fetch()
    const json = answer.ok() ? { ...(await answer.json()), expires_in: 0 } : undefined
    await route.fulfill({ response: answer, json })
  })
  for (;;) {
    await logIn(page, 'zoe', PASSWORD)
    await page.waitForSelector('dialog .problem, .scheme-container .authorize.locked')
    if (await page.locator('.scheme-container .authorize.locked').count()) break
    await page.keyboard.press('Escape')
    await page.waitForSelector('dialog', { state: 'detached' })
  }
  let renewals = 0
  page.on('request', (request) => (renewals += request.url().endsWith('/auth/refresh') ? 1 : 0))

  // Words that look like tags are words, and so they are in what is told of them.
  const evil = '<img src=x onerror="globalThis.hacked=1">'
  assert.equal(await execute(page, 'owners-create_owner', { body: JSON.stringify({ name: evil }) }), 201)
  assert.equal(await execute(page, 'owners-list_owners'), 200)
  assert.match(await page.textContent(`${block('owners-list_owners')} .live-responses-table`), /<img src=x onerror=/)
  assert.equal(await execute(page, 'owners-create_owner', { body: JSON.stringify({ name: '', [evil]: evil }) }), 422)
  assert.match(await note('owners-create_owner'), /\/name .*required|\/name/)
  assert.match(await note('owners-create_owner'), /<img src=x onerror=/)
  assert.equal(await page.locator('img[src=x]').count(), 0)
  assert.equal(await page.evaluate(() => globalThis.hacked), undefined)
  await page.locator(`${block('owners-create_owner')} .problem`).scrollIntoViewIfNeeded()
  await picture(page, 'problem-fields')
  assert.equal(renewals, 3, 'each request that needs the token had it renewed before')

  // Another version than there is; a server that is not well; none at all.
  await page.click(`${block('owners-update_owner')} .opblock-summary-control`)
  await page.fill(`${block('owners-update_owner')} [data-param-name=owner_id] input`, await firstOwner(page))
  await page.fill(`${block('owners-update_owner')} [data-param-name=If-Match] input`, '"999"')
  assert.equal(await execute(page, 'owners-update_owner'), 412)
  assert.match(await note('owners-update_owner'), /The row has changed/)
  const body = { type: '/problems/unavailable', title: 'The service is not available', status: 503, detail: 'Later.' }
  await page.route('**/health/ready', (route) =>
    route.fulfill({ status: 503, contentType: 'application/problem+json', headers: { 'Retry-After': '7' }, json: body }))
  assert.equal(await execute(page, 'service-show_readiness'), 503)
  assert.match(await note('service-show_readiness'), /Try again in 7 seconds\./)
  await page.context().setOffline(true)
  assert.match(await execute(page, 'service-show_liveness'), /The server cannot be reached/)
  await page.locator(`${block('service-show_liveness')} .problem`).scrollIntoViewIfNeeded()
  await picture(page, 'offline')
  await page.context().setOffline(false)

  await keepsNothing(page)
  await page.reload()
  await page.waitForSelector('.scheme-container .authorize.unlocked')
  await page.context().close()
}

const firstOwner = async (page) => {
  const text = await page.textContent(`${block('owners-list_owners')} .live-responses-table .highlight-code code`)
  return String(JSON.parse(text)[0].id)
}

/** No mouse is needed. */
const keyboard = async () => {
  const page = await open('/docs')
  await page.waitForSelector('.opblock')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip')
  await page.focus(`${block('service-show_liveness')} .opblock-summary-control`)
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${block('service-show_liveness')} .execute`)
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement.classList.contains('execute'))) break
  }
  await page.keyboard.press('Enter')
  await page.waitForSelector(`${block('service-show_liveness')} .live-responses-table`)
  assert.equal(await page.evaluate(() => location.hash), '#/service/show_liveness')
  await page.context().close()
}

/** No page of anybody's has ours in a frame. */
const frames = async () => {
  const page = await open('/')
  const other = await page.context().newPage()
  for (const path of ['/', '/docs', '/problems']) {
    await other.setContent(`<iframe src="${URL}${path}"></iframe>`)
    const frame = await (await other.waitForSelector('iframe')).contentFrame()
    await frame.waitForURL('chrome-error://chromewebdata/')
  }
  await page.context().close()
}

const contract = await (await fetch(`${URL}/openapi.json`)).json()
for (const [what, walk] of Object.entries({ weight, everything: () => everything(contract), problems, keyboard, frames, looks })) {
  told(what)
  await walk()
}
await close()
for (const fault of faults) console.error(`pages: ${fault}`)
assert.equal(faults.length, 0, 'what must not happen did')
told('all is well')
