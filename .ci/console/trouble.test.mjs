// What goes wrong: tokens that expire, sessions that end, connections and servers that are gone in the midst of it.
// Nothing that is typed is lost, and nothing is made twice.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { go, isForEverybody, keepsNoSecret, open, password, press, until } from './stage.mjs'

let stage
before(async () => (stage = await open({ ACCESS_TOKEN_TTL: '1s' })))
after(() => stage?.close())

const field = (page, label) => page.getByRole('dialog').getByLabel(label, { exact: true })
const click = (within, name) => within.getByRole('button', { name, exact: true }).click()
const heading = (page, name) => page.getByRole('heading', { name, level: 1 })

/** Somebody who has typed the name of a new owner, and not saved it. */
async function typist(test, name = 'Ann') {
  const member = await stage.member()
  const page = await stage.enter(test, member)
  await go(page, 'Owners')
  await click(page, 'Add owner')
  await field(page, 'Name').fill(name)
  const owners = async () => (await member.kennel.get('/dogowner/owners')).data.map(({ name }) => name)
  return { ...member, page, owners }
}

/**
 * The keys of the creates that a page sends. `meanwhile` happens to the first; no answer comes to that, nor to those after
 * it, until `isAnswered`.
 */
async function creates(page, meanwhile) {
  const sent = { keys: [], isAnswered: false }
  await page.route('**/dogowner/owners', async (route) => {
    if (route.request().method() !== 'POST') return route.fallback()
    sent.keys.push(await route.request().headerValue('Idempotency-Key'))
    if (sent.isAnswered) return route.fallback()
    if (sent.keys.length === 1) await meanwhile(route)
    await route.abort('connectionreset')
  })
  return sent
}

describe('what is typed', () => {
  it('is saved though the access token has expired meanwhile', async (test) => {
    const { page, owners } = await typist(test)
    // The page follows the book anew when the network is back, and shows its token by that.
    const following = page.waitForRequest((request) => request.url().includes('/dogowner/changes'))
    await page.evaluate(() => dispatchEvent(new Event('online')))
    const { authorization } = await (await following).allHeaders()
    const isExpired = async () => (await fetch(`${stage.url}/me`, { headers: { authorization } })).status === 401
    await until(isExpired)
    await press(page)
    assert.deepEqual(await owners(), ['Ann'])
  })

  it('is saved after a login above it when the session has been ended elsewhere', async (test) => {
    const { page, kennel, owners } = await typist(test)
    await kennel.delete('/me/sessions')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Log in again' }).waitFor()
    await isForEverybody(page)
    // Whoever leaves the login finds the form as it was.
    await page.keyboard.press('Escape')
    await page.getByText('You are not logged in. Nothing was sent.').waitFor()
    assert.equal(await field(page, 'Name').inputValue(), 'Ann')
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'Log in again' }).waitFor()
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await page.getByText('Owner Ann was added.').waitFor()
    assert.equal(await page.getByRole('dialog').count(), 0)
    assert.deepEqual(await owners(), ['Ann'])
  })

  it('stays while the browser is offline, and is saved when it is back', async (test) => {
    const { page, owners } = await typist(test)
    await page.context().setOffline(true)
    const offline = page.getByText('You are offline. What you type is kept')
    await offline.waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByText('What you typed is kept here. Try again.').waitFor()
    await isForEverybody(page)
    await page.context().setOffline(false)
    await offline.waitFor({ state: 'detached' })
    await press(page, 'Try again')
    await page.getByText('Owner Ann was added.').waitFor()
    assert.deepEqual(await owners(), ['Ann'])
  })

  it('is told by its name when it could not be deleted, too', async (test) => {
    const { page, owners } = await typist(test)
    await press(page)
    await page.getByRole('button', { name: 'Delete Ann' }).waitFor()
    await page.context().setOffline(true)
    await page.getByRole('button', { name: 'Delete Ann' }).click()
    await page.getByText('Ann was not deleted. You are offline.').waitFor()
    await isForEverybody(page)
    await page.context().setOffline(false)
    await click(page, 'Try again')
    await page.getByText('Owner Ann was deleted.').waitFor()
    assert.deepEqual(await owners(), [])
  })

  it('is not left without a question, and is offered again after all the same', async (test) => {
    const { page } = await typist(test)
    const asked = []
    page.on('dialog', (dialog) => {
      asked.push(dialog.type())
      void dialog.accept()
    })
    await page.reload()
    assert.deepEqual(asked, ['beforeunload'])
    await page.getByText('Something that you typed is not saved yet.').waitFor()
    await keepsNoSecret(page)
    await click(page, 'Add owner')
    await page.getByText('You typed this before').waitFor()
    assert.equal(await field(page, 'Name').inputValue(), 'Ann')
    await isForEverybody(page)
    await click(page, 'Start over')
    assert.equal(await field(page, 'Name').inputValue(), '')
    // A form that is left by mistake is brought back.
    await field(page, 'Name').fill('Ben')
    await page.keyboard.press('Escape')
    await click(page, 'Bring it back')
    assert.equal(await field(page, 'Name').inputValue(), 'Ben')
    await press(page)
    await page.getByText('Owner Ben was added.').waitFor()
  })

  it('is made once, however often the button is pressed', async (test) => {
    const { page, owners } = await typist(test)
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).dblclick()
    await page.getByText('Owner Ann was added.').waitFor()
    assert.deepEqual(await owners(), ['Ann'])
  })

  it('is waited for when the server is slow, and that is said', async (test) => {
    const { page } = await typist(test)
    const held = []
    stage.way.pass = (client, piece) => held.push(() => client.write(piece))
    test.after(() => (stage.way.pass = (client, piece) => client.write(piece)))
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByText('The server takes its time. Still waiting…').waitFor()
    await isForEverybody(page)
    stage.way.pass = (client, piece) => client.write(piece)
    for (const send of held) send()
    await page.getByText('Owner Ann was added.').waitFor()
  })
})

describe('a server', () => {
  it('that is killed while it saves is asked again with the same key, and has made one row', async (test) => {
    const { page, owners } = await typist(test)
    const sent = await creates(page, async (route) => {
      await route.fetch()
      await stage.restart('SIGKILL')
      sent.isAnswered = true
    })
    await press(page)
    await page.getByText('Owner Ann was added.').waitFor()
    assert(sent.keys.length > 1 && new Set(sent.keys).size === 1, `${sent.keys}`)
    assert.deepEqual(await owners(), ['Ann'])
  })

  it('that has saved what it could not tell has made one row, though the page is loaded anew', async (test) => {
    const { page, owners } = await typist(test)
    const sent = await creates(page, async (route) => {
      await route.fetch()
      await stage.restart('SIGTERM')
    })
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
    await page.getByText('What you typed is kept here. Try again.').waitFor()
    await isForEverybody(page)
    sent.isAnswered = true
    page.on('dialog', (dialog) => void dialog.accept())
    await page.reload()
    await click(page, 'Add owner')
    await field(page, 'Name').fill('Anna')
    await press(page)
    assert.equal(new Set(sent.keys).size, 1, `${sent.keys}`)
    assert.deepEqual(await owners(), ['Anna'])
  })

  it('that is killed is missed, and found again when it is back, with what was done meanwhile', async (test) => {
    const member = await stage.member()
    const page = await stage.enter(test, member)
    const trying = page.getByText('Trying again…')
    stage.lose()
    await trying.waitFor({ timeout: 60_000 })
    await isForEverybody(page)
    await stage.restart('SIGKILL')
    const { data: owner } = await member.kennel.post('/dogowner/owners', { body: { name: 'Ann' } })
    await member.kennel.post('/dogowner/dogs', { body: { name: 'Rex', owner_id: owner.id } })
    await page.getByText('Rex', { exact: true }).first().waitFor({ timeout: 60_000 })
    await trying.waitFor({ state: 'hidden' })
  })

  it('that is not there at the beginning is waited for', async (test) => {
    const member = await stage.member()
    const page = await stage.enter(test, member)
    await page.route('**/auth/refresh', (route) => route.abort('connectionrefused'))
    await page.reload()
    await page.getByRole('heading', { name: 'The server does not answer.' }).waitFor()
    await isForEverybody(page)
    await page.unroute('**/auth/refresh')
    await click(page, 'Try again')
    await heading(page, 'Dogs').waitFor()
  })

  it('that is gone when a screen is opened for the first time is told of, and the screen comes when it is back', async (test) => {
    const page = await stage.enter(test, await stage.member())
    const asked = []
    await page.route('**/me.js', (route) => {
      asked.push(route.request().url())
      return route.abort('connectionrefused')
    })
    await page.getByRole('link', { name: 'Me', exact: true }).click()
    await page.getByRole('heading', { name: 'The server does not answer.' }).waitFor()
    await isForEverybody(page)
    // Whoever goes elsewhere meanwhile stays there.
    await go(page, 'Dogs')
    await page.unroute('**/me.js')
    await page.getByRole('link', { name: 'Me', exact: true }).click()
    await heading(page, 'Me').waitFor()
    assert(asked.length > 0)
  })

  it('that has another version by now has the page loaded again when a screen is not there', async (test) => {
    const page = await stage.enter(test, await stage.member())
    await page.evaluate(() => (globalThis.isOld = true))
    const gone = (route) => route.fulfill({ status: 404, body: '' })
    await page.route('**/me.js', gone, { times: 1 })
    await page.route('**/main.js', gone, { times: 1 })
    await page.getByRole('link', { name: 'Me', exact: true }).click()
    await heading(page, 'Me').waitFor()
    assert.equal(await page.evaluate(() => globalThis.isOld), undefined)
  })
})
